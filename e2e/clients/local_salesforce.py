"""Aims simple-salesforce at an org on this machine. The client itself is used as it was published."""

from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

API_VERSION = "60.0"


class Redirect(HTTPAdapter):
    """simple-salesforce knows only https and Salesforce's own hosts: each request goes to `base` instead."""

    def __init__(self, base):
        self.base = base
        super().__init__()

    def send(self, request, **options):
        url = urlsplit(request.url)
        request.url = self.base + url.path + (f"?{url.query}" if url.query else "")
        return super().send(request, **options)


def redirected_session(org_url):
    session = requests.Session()
    session.mount("https://", Redirect(org_url))
    return session


def sign_in(state):
    """Signs in with the client credentials flow, as an integration does."""
    return Salesforce(
        consumer_key=state["org_client_id"],
        consumer_secret=state["org_client_secret"],
        domain="acme.my",
        version=API_VERSION,
        session=redirected_session(state["org_url"]),
    )
