"""Pictures at the edge: put into the bucket directly, and asked for as a browser does."""

import uuid


def new_key(prefix="profile-pictures", extension="jpg"):
    return f"{prefix}/{uuid.uuid4()}/avatar-1.{extension}"


def put(vibe, key, data, content_type="image/jpeg"):
    vibe.s3().put_object(Bucket=vibe.bucket, Key=key, Body=data, ContentType=content_type)
    return key


def get(vibe, key, method="GET", **headers):
    """(status, headers, body); `_` in a header's name stands for `-`."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return vibe.request(method, f"{vibe.cdn_url}/{key}", headers=names)
