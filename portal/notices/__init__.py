"""What people are told: in the portal, by e-mail, by signed webhooks.

`portal.notices.services.notify` is the door. May import every room but audit, api and web.
"""
