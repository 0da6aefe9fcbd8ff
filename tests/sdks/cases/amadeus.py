"""Client credentials."""

import json
import os

from amadeus import Client

settings = json.loads(os.environ["CASE"])["settings"]
client = Client(
    client_id=settings["client_id"], client_secret=settings["client_secret"], hostname="production"
)
client.get("/v1/reference-data/locations")
token = client.access_token
print(json.dumps({"access_token": token._bearer_token().removeprefix("Bearer ")}))
