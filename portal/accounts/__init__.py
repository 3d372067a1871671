"""Who people are: accounts, sign-in, API tokens. Nothing here says what they own upstream."""
