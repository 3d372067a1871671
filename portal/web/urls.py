from django.urls import path

from portal.web import asking, builds, consenting, home, mine, projects, proving, reading

app_name = "web"
urlpatterns = [
    path("", home.home, name="home"),
    path("search/", home.search, name="search"),
    path("project/<str:name>/", projects.show, name="project"),
    path("project/<str:name>/minor/<str:label>/", projects.minor, name="minor"),
    path("project/<str:name>/release/<str:version>/", projects.release, name="release"),
    path("project/<str:name>/ledger/", projects.ledger, name="ledger"),
    path("project/<str:name>/ask/", asking.ask, name="ask"),
    path("project/<str:name>/prove/", proving.prove, name="prove"),
    path("project/<str:name>/consent/", consenting.consent, name="give-consent"),
    path("request/<uuid:request_id>/", asking.show, name="request"),
    path("request/<uuid:request_id>/progress/", asking.progress, name="request-progress"),
    path("proof/<uuid:proof_id>/", proving.show, name="proof"),
    path("consent/<uuid:consent_id>/", consenting.show, name="consent"),
    path("consent/<uuid:consent_id>/revoke/", consenting.revoke, name="revoke"),
    path("build/<uuid:build_id>/", builds.show, name="build"),
    path("build/<uuid:build_id>/state/", builds.state, name="build-state"),
    path("build/<uuid:build_id>/log/", builds.log, name="build-log"),
    path("build/<uuid:build_id>/log.txt", builds.plain_log, name="build-plain-log"),
    path("builds/", builds.index, name="builds"),
    path("mine/", mine.mine, name="mine"),
    path("tokens/", mine.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", mine.revoke, name="revoke-token"),
    path("status/", reading.status, name="status"),
    path("about/", reading.about, name="about"),
    path("agreements/", reading.agreements, name="agreements"),
    path("agreements/<str:name>/<str:version>/", reading.agreement, name="agreement"),
]
