"""The admin API as scripts use it."""

import http.client
import json
from urllib.parse import urlencode, urlsplit

from .waiting import eventually


class AdminError(Exception):
    """An answer that is an error, with what it says."""

    def __init__(self, status, body):
        self.status = status
        try:
            self.code, self.message = body["error"]["code"], body["error"]["message"]
        except (KeyError, TypeError):
            self.code, self.message = None, str(body)
        super().__init__(f"{status} {self.code}: {self.message}")


class Admin:
    """Calls the admin API of a server; errors are raised, lists are read to their end."""

    def __init__(self, url, timeout=60):
        self.url = url
        self.timeout = timeout

    def call(self, method, path, body=None, **query):
        query = {name: value for name, value in query.items() if value is not None}
        target = "/api/v1" + path + ("?" + urlencode(query) if query else "")
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=self.timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = text.decode(errors="replace")
        if response.status >= 300:
            raise AdminError(response.status, parsed)
        return parsed

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def post(self, path, body=None, **query):
        return self.call("POST", path, {} if body is None else body, **query)

    def delete(self, path):
        return self.call("DELETE", path)

    def all(self, path, **query):
        """Every item of a list, over all of its pages."""
        name = path.strip("/").split("/")[0]
        items, cursor = [], None
        while True:
            page = self.get(path, cursor=cursor, **query)
            items += page[name]
            cursor = page.get("next")
            if not cursor:
                return items

    # What tests ask again and again.

    def events(self, **query):
        return self.all("/events", limit=200, **query)

    def deliveries(self, **query):
        return self.all("/deliveries", limit=200, **query)

    def endpoints(self, **query):
        return self.all("/endpoints", **query)

    def callback_endpoint(self, event):
        """The endpoint that an event's own callback goes to."""
        [delivery] = [each for each in self.get(f"/events/{event}")["deliveries"] if each["origin"] == "event"]
        return delivery["endpoint"]

    def wait_delivery(self, delivery, *states, timeout=20):
        """A delivery with its attempts once it is in one of these states."""

        def reached():
            found = self.get(f"/deliveries/{delivery}")
            assert found["state"] in states, found
            return found

        return eventually(reached, timeout, f"delivery {delivery} to be {' or '.join(states)}")

    def wait_replay(self, replay, *states, timeout=60):
        """A replay once it is in one of these states."""

        def reached():
            found = self.get(f"/replays/{replay}")
            assert found["state"] in states, found
            return found

        return eventually(reached, timeout, f"replay {replay} to be {' or '.join(states)}")
