"""Python reads this when it starts: `requests` then sends what goes to Salesforce's login hosts to the org of `SYNCLINE_ORG_URL`."""

import os
import re

import requests

send = requests.Session.send
login_host = re.compile(r"^https://(login|test)\.salesforce\.com(?=/)")


def redirected(session, request, **options):
    request.url = login_host.sub(os.environ["SYNCLINE_ORG_URL"], request.url)
    return send(session, request, **options)


requests.Session.send = redirected
