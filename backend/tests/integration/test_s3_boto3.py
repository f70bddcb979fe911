"""The store through boto3: each of its operations, with the answers that S3 gives."""

import base64
import hashlib
import io
import os
import uuid
import zlib

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(vibe):
    return vibe.s3(config=Config(retries={"total_max_attempts": 1}))  # boto3 does not retry, so that a test sees each refusal


@pytest.fixture
def bucket(s3):
    name = f"boto-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        objects = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if objects:
            s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
    for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=name)


def error_of(call, **arguments):
    """(code, status) of the error that the call must raise."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def body_of(answer):
    return answer["Body"].read()


# -- buckets --

def test_a_bucket_is_made_once_listed_located_and_removed(s3):
    name = f"boto-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    assert error_of(s3.create_bucket, Bucket=name) == ("BucketAlreadyOwnedByYou", 409)
    assert name in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    s3.put_object(Bucket=name, Key="k", Body=b"")
    assert error_of(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    assert error_of(s3.head_bucket, Bucket=name) == ("404", 404)
    assert error_of(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)


def test_the_location_is_the_region(s3, vibe, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == (
        None if vibe.region == "us-east-1" else vibe.region)
    assert error_of(s3.create_bucket, Bucket=f"boto-{uuid.uuid4().hex[:12]}",
                    CreateBucketConfiguration={"LocationConstraint": "sa-east-1"})[1] == 400


def test_unconfigured_features_answer_as_s3_does(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    for call, code in [(s3.get_bucket_policy, "NoSuchBucketPolicy"), (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
                       (s3.get_bucket_tagging, "NoSuchTagSet"), (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                       (s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError"),
                       (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
                       (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
                       (s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
                       (s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError")]:
        assert error_of(call, Bucket=bucket) == (code, 404)
    s3.delete_bucket_policy(Bucket=bucket)
    assert error_of(s3.put_bucket_policy, Bucket=bucket, Policy="{}") == ("NotImplemented", 501)
    assert error_of(s3.put_bucket_versioning, Bucket=bucket,
                    VersioningConfiguration={"Status": "Enabled"}) == ("NotImplemented", 501)


# -- objects --

def test_an_object_comes_back_with_its_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain; charset=utf-8", CacheControl="max-age=5",
                  ContentDisposition='attachment; filename="a.txt"', ContentEncoding="identity", ContentLanguage="de",
                  Expires="Wed, 21 Oct 2037 07:28:00 GMT", Metadata={"Camera": "X100", "note": "a b"})
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert answer["ContentLength"] == 5
        assert answer["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
        assert answer["ContentType"] == "text/plain; charset=utf-8"
        assert answer["CacheControl"] == "max-age=5"
        assert answer["ContentDisposition"] == 'attachment; filename="a.txt"'
        assert answer["ContentEncoding"] == "identity"
        assert answer["ContentLanguage"] == "de"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["expires"] == "Wed, 21 Oct 2037 07:28:00 GMT"
        assert answer["Metadata"] == {"camera": "X100", "note": "a b"}
        assert answer["AcceptRanges"] == "bytes"
    assert s3.get_object(Bucket=bucket, Key="k", ResponseContentType="x/y")["ContentType"] == "x/y"


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 * MIB + 1])
def test_every_size_comes_back_whole_and_in_ranges(s3, bucket, size):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(answer) == data and answer["ContentLength"] == size
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == size
    if size:
        last = s3.get_object(Bucket=bucket, Key="k", Range="bytes=-1")
        assert body_of(last) == data[-1:] and last["ContentRange"] == f"bytes {size - 1}-{size - 1}/{size}"
    if size > 100:
        assert body_of(s3.get_object(Bucket=bucket, Key="k", Range="bytes=50-")) == data[50:]
        assert body_of(s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-19")) == data[10:20]
        assert body_of(s3.get_object(Bucket=bucket, Key="k", Range=f"bytes=10-{10 * size}")) == data[10:]
    assert error_of(s3.get_object, Bucket=bucket, Key="k", Range=f"bytes={size}-") == ("InvalidRange", 416)


@pytest.mark.parametrize("key", ["../../etc/passwd", "a//b", "/leading", "trailing/", "a b+c%20d", "☃/é/日本語", "q?x=1&y#z",
                                 "<&>\"'", "a\\b", ".", "..", "x" * 1024, "é" * 512, "tab\tand\nline", "😀", "a:b|c*d"])
def test_a_key_is_any_text_and_never_a_path(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert body_of(s3.get_object(Bucket=bucket, Key=key)) == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [item["Key"] for item in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert deleted["Deleted"][0]["Key"] == key
    assert error_of(s3.get_object, Bucket=bucket, Key=key) == ("NoSuchKey", 404)
    assert body_of(s3.get_object(Bucket=bucket, Key="copy")) == key.encode()


def test_a_key_of_1025_bytes_is_too_long(s3, bucket):
    assert error_of(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)


def test_missing_objects_and_buckets_are_404(s3, bucket):
    assert error_of(s3.get_object, Bucket=bucket, Key="nope") == ("NoSuchKey", 404)
    assert error_of(s3.head_object, Bucket=bucket, Key="nope") == ("404", 404)
    assert error_of(s3.put_object, Bucket="no-such-bucket-here", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert error_of(s3.put_object, Bucket="no-such-bucket-here", Key="k", Body=bytes(MIB)) == ("NoSuchBucket", 404)
    assert s3.delete_object(Bucket=bucket, Key="nope")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert error_of(s3.get_object, Bucket=bucket, Key="nope", VersionId="abc")[1] == 404


def test_conditional_reads_are_304_or_412(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert body_of(s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)) == b"hello"
    assert error_of(s3.get_object, Bucket=bucket, Key="k", IfMatch='"x"') == ("PreconditionFailed", 412)
    assert error_of(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert error_of(s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert error_of(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified) == ("304", 304)
    assert body_of(s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=modified)) == b"hello"
    assert error_of(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince="Wed, 21 Oct 2015 07:28:00 GMT")[1] == 412


def test_user_metadata_ends_at_two_kilobytes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"a": "x" * 2047})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "x" * 2047}
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"a": "x" * 2048}) == ("MetadataTooLarge", 400)


def test_unsupported_options_are_refused_and_not_ignored(s3, bucket):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert error_of(s3.put_object, **put, ServerSideEncryption="aws:kms") == ("NotImplemented", 501)
    assert error_of(s3.put_object, **put, Tagging="a=b") == ("NotImplemented", 501)
    assert error_of(s3.put_object, **put, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert error_of(s3.put_object, **put, StorageClass="GLACIER") == ("InvalidStorageClass", 400)
    assert error_of(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    s3.put_object(**put, ACL="private", StorageClass="STANDARD")


# -- integrity --

def test_content_md5_is_checked(s3, bucket):
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5=right)
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"HELLO", ContentMD5=wrong) == ("BadDigest", 400)
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"HELLO", ContentMD5="nonsense") == ("InvalidDigest", 400)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"hello"


@pytest.mark.parametrize("algorithm, digest", [
    ("CRC32", lambda data: zlib.crc32(data).to_bytes(4, "big")),
    ("SHA1", lambda data: hashlib.sha1(data).digest()),
    ("SHA256", lambda data: hashlib.sha256(data).digest())])
def test_checksums_are_checked_kept_and_given_back(s3, bucket, algorithm, digest):
    data = os.urandom(100_000)
    value = base64.b64encode(digest(data)).decode()
    assert s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)[f"Checksum{algorithm}"] == value
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == value
    assert f"Checksum{algorithm}" not in s3.head_object(Bucket=bucket, Key="k") or head
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize"])
    assert attributes["Checksum"][f"Checksum{algorithm}"] == value and attributes["ObjectSize"] == len(data)
    other = base64.b64encode(digest(b"other")).decode()
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"changed",
                    **{f"Checksum{algorithm}": other}) == ("BadDigest", 400)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == data


# -- conditional writes, deletion, copies --

def with_header(s3, operation, name, value):
    """The boto3 of Debian 12 has no parameter for this header."""
    def add(request, **_):
        request.headers[name] = value
    event = f"before-sign.s3.{operation}"
    s3.meta.events.register(event, add, unique_id="with-header")
    return lambda: s3.meta.events.unregister(event, add, unique_id="with-header")


def test_a_conditional_put_checks_the_existing_object(s3, bucket):
    undo = with_header(s3, "PutObject", "If-None-Match", "*")
    try:
        etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
        assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"second") == ("PreconditionFailed", 412)
    finally:
        undo()
    undo = with_header(s3, "PutObject", "If-Match", etag)
    try:
        s3.put_object(Bucket=bucket, Key="k", Body=b"third")
        assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"fourth") == ("PreconditionFailed", 412)
        assert error_of(s3.put_object, Bucket=bucket, Key="other", Body=b"x") == ("NoSuchKey", 404)
    finally:
        undo()
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"third"


def test_one_request_deletes_a_thousand_keys(s3, bucket):
    s3.put_object(Bucket=bucket, Key="0001", Body=b"x")
    s3.put_object(Bucket=bucket, Key="stays", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{n:04}"} for n in range(1000)]})
    assert len(answer["Deleted"]) == 1000
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["stays"]
    assert error_of(s3.delete_objects, Bucket=bucket,
                    Delete={"Objects": [{"Key": f"{n:04}"} for n in range(1001)]}) == ("MalformedXML", 400)
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "stays"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet


def test_copies_keep_or_replace_the_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=bytes(200_000), ContentType="a/b", Metadata={"x": "1"})
    source = {"Bucket": bucket, "Key": "from"}
    copied = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=bucket, Key="from")["ETag"]
    s3.copy_object(Bucket=bucket, Key="replaced", CopySource=source, MetadataDirective="REPLACE", ContentType="c/d",
                   Metadata={"y": "2"})
    kept, replaced = (s3.get_object(Bucket=bucket, Key=key) for key in ("kept", "replaced"))
    assert (kept["ContentType"], kept["Metadata"]) == ("a/b", {"x": "1"})
    assert (replaced["ContentType"], replaced["Metadata"]) == ("c/d", {"y": "2"})
    assert body_of(kept) == body_of(replaced) == bytes(200_000)


def test_a_copy_of_nothing_or_onto_itself_or_with_a_failed_condition_is_refused(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"x")["ETag"]
    source = {"Bucket": bucket, "Key": "from"}
    assert error_of(s3.copy_object, Bucket=bucket, Key="from", CopySource=source) == ("InvalidRequest", 400)
    s3.copy_object(Bucket=bucket, Key="from", CopySource=source, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert s3.head_object(Bucket=bucket, Key="from")["Metadata"] == {"a": "b"}
    assert error_of(s3.copy_object, Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "no"}) == ("NoSuchKey", 404)
    assert error_of(s3.copy_object, Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch='"x"')[1] == 412
    assert error_of(s3.copy_object, Bucket=bucket, Key="to", CopySource=source, CopySourceIfNoneMatch=etag)[1] == 412


# -- listing --

KEYS = ["a", "b/1", "b/2", "b/c/3", "bb", "c/1", "d", "é/1", "☃"]


@pytest.fixture
def listed(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_v2_pages_add_up_to_the_whole_in_byte_order(s3, listed, page):
    keys, prefixes = [], []
    for answer in s3.get_paginator("list_objects_v2").paginate(Bucket=listed, PaginationConfig={"PageSize": page}):
        keys += [item["Key"] for item in answer.get("Contents", [])]
        assert answer["KeyCount"] <= page
    assert keys == KEYS
    keys = []
    for answer in s3.get_paginator("list_objects_v2").paginate(Bucket=listed, Delimiter="/",
                                                               PaginationConfig={"PageSize": page}):
        keys += [item["Key"] for item in answer.get("Contents", [])]
        prefixes += [item["Prefix"] for item in answer.get("CommonPrefixes", [])]
    assert keys == ["a", "bb", "d", "☃"] and prefixes == ["b/", "c/", "é/"]


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_v1_pages_add_up_to_the_whole(s3, listed, page):
    keys = []
    for answer in s3.get_paginator("list_objects").paginate(Bucket=listed, PaginationConfig={"PageSize": page}):
        keys += [item["Key"] for item in answer.get("Contents", [])]
    assert keys == KEYS
    names = []
    for answer in s3.get_paginator("list_objects").paginate(Bucket=listed, Delimiter="/",
                                                            PaginationConfig={"PageSize": page}):
        names += [item["Key"] for item in answer.get("Contents", [])]
        names += [item["Prefix"] for item in answer.get("CommonPrefixes", [])]
    assert sorted(names) == sorted(["a", "bb", "d", "☃", "b/", "c/", "é/"])


def test_lists_honour_prefix_delimiter_and_start(s3, listed):
    answer = s3.list_objects_v2(Bucket=listed, Prefix="b/", Delimiter="/")
    assert [item["Key"] for item in answer["Contents"]] == ["b/1", "b/2"]
    assert [item["Prefix"] for item in answer["CommonPrefixes"]] == ["b/c/"]
    after = s3.list_objects_v2(Bucket=listed, StartAfter="bb", FetchOwner=True)
    assert [item["Key"] for item in after["Contents"]] == ["c/1", "d", "é/1", "☃"]
    assert after["StartAfter"] == "bb" and after["Contents"][0]["Owner"]["ID"]
    assert "Owner" not in s3.list_objects_v2(Bucket=listed)["Contents"][0]
    none = s3.list_objects_v2(Bucket=listed, MaxKeys=0)
    assert none["KeyCount"] == 0 and not none["IsTruncated"]
    assert error_of(s3.list_objects_v2, Bucket=listed, ContinuationToken="!")[0] == "InvalidArgument"
    versions = s3.list_object_versions(Bucket=listed)["Versions"]
    assert [item["Key"] for item in versions] == KEYS and versions[0]["VersionId"] == "null"


# -- multipart --

def put_parts(s3, bucket, key, datas, **create):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **create)["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=n,
                                                      Body=data)["ETag"]} for n, data in enumerate(datas, 1)]
    return upload, parts


def complete(s3, bucket, key, upload, parts):
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def test_parts_become_one_object(s3, bucket):
    datas = [os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(100)]
    upload, parts = put_parts(s3, bucket, "k", datas, ContentType="video/mp4", Metadata={"a": "b"})
    assert error_of(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, MaxParts=2)
    assert [part["PartNumber"] for part in listed["Parts"]] == [1, 2] and listed["IsTruncated"]
    rest = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, PartNumberMarker=listed["NextPartNumberMarker"])
    assert [(part["PartNumber"], part["Size"]) for part in rest["Parts"]] == [(3, 100)]
    done = complete(s3, bucket, "k", upload, parts)
    md5s = b"".join(hashlib.md5(data).digest() for data in datas)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(answer) == b"".join(datas)
    assert (answer["ContentType"], answer["Metadata"]) == ("video/mp4", {"a": "b"})
    assert complete(s3, bucket, "k", upload, parts)["ETag"] == done["ETag"]  # a client that lost the answer repeats the request
    assert body_of(s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 5}-{5 * MIB + 4}")) == (
        datas[0][-5:] + datas[1][:5])


def test_wrong_parts_are_refused(s3, bucket):
    upload, parts = put_parts(s3, bucket, "k", [bytes(5 * MIB), b"end"])
    wrong = [{"PartNumber": 1, "ETag": '"0"'}, parts[1]]
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=wrong) == ("InvalidPart", 400)
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=parts[::-1]) == ("InvalidPartOrder", 400)
    missing = [*parts, {"PartNumber": 3, "ETag": parts[0]["ETag"]}]
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=missing) == ("InvalidPart", 400)
    assert error_of(s3.upload_part, Bucket=bucket, Key="k", UploadId=upload, PartNumber=10001, Body=b"x") == (
        "InvalidArgument", 400)
    assert error_of(s3.upload_part, Bucket=bucket, Key="k", UploadId="none", PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=parts) == ("NoSuchUpload", 404)


def test_a_small_part_before_the_last_is_refused(s3, bucket):
    upload, parts = put_parts(s3, bucket, "k", [b"small", b"end"])
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=parts) == ("EntityTooSmall", 400)


def test_parts_may_be_copied_from_objects(s3, bucket):
    data = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="from", Body=data)
    source = {"Bucket": bucket, "Key": "from"}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    parts = []
    for number, span in enumerate([f"bytes=0-{5 * MIB - 1}", "bytes=10-19"], 1):
        part = s3.upload_part_copy(Bucket=bucket, Key="to", UploadId=upload, PartNumber=number, CopySource=source,
                                   CopySourceRange=span)
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    complete(s3, bucket, "to", upload, parts)
    assert body_of(s3.get_object(Bucket=bucket, Key="to")) == data[:5 * MIB] + data[10:20]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    assert error_of(s3.upload_part_copy, Bucket=bucket, Key="to", UploadId=upload, PartNumber=1, CopySource=source,
                    CopySourceRange=f"bytes=0-{6 * MIB}") == ("InvalidArgument", 400)


def test_composite_checksums_are_those_of_s3(s3, bucket):
    datas = [os.urandom(5 * MIB), os.urandom(10)]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, data in enumerate(datas, 1):
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=data,
                              ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    lying = [{**parts[0], "ChecksumSHA256": parts[1]["ChecksumSHA256"]}, parts[1]]
    assert error_of(complete, s3=s3, bucket=bucket, key="k", upload=upload, parts=lying) == ("InvalidPart", 400)
    done = complete(s3, bucket, "k", upload, parts)
    digests = b"".join(hashlib.sha256(data).digest() for data in datas)
    assert done["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"


def test_uploads_in_progress_are_listed_and_aborted(s3, bucket):
    uploads = [(key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in ("a/1", "a/2", "☃ b")]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(item["Key"], item["UploadId"]) for item in listed] == uploads
    first = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2)
    assert first["IsTruncated"] and len(first["Uploads"]) == 2
    rest = s3.list_multipart_uploads(Bucket=bucket, KeyMarker=first["NextKeyMarker"],
                                     UploadIdMarker=first["NextUploadIdMarker"])
    assert [item["Key"] for item in rest["Uploads"]] == ["☃ b"]
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in grouped["CommonPrefixes"]] == ["a/"]
    for key, upload in uploads:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert error_of(s3.abort_multipart_upload, Bucket=bucket, Key="a/1", UploadId=uploads[0][1]) == ("NoSuchUpload", 404)


def test_transfer_manager_moves_forty_megabytes(s3, bucket):
    data = os.urandom(40_000_000)
    s3.upload_fileobj(io.BytesIO(data), bucket, "large", ExtraArgs={"ContentType": "video/mp4"})
    received = io.BytesIO()
    s3.download_fileobj(bucket, "large", received)
    assert received.getvalue() == data
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy")
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(data)


# -- presigned URLs and browsers --

def test_presigned_urls_need_no_credentials_and_fix_the_content_type(vibe, s3, bucket):
    params = {"Bucket": bucket, "Key": "a b/☃.jpg"}
    put = s3.generate_presigned_url("put_object", Params={**params, "ContentType": "image/jpeg"}, ExpiresIn=600)
    assert vibe.request("PUT", put, b"picture", {"Content-Type": "image/jpeg"})[0] == 200
    status, headers, body = vibe.request("GET", s3.generate_presigned_url("get_object", Params=params, ExpiresIn=600))
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", b"picture")
    status, _, body = vibe.request("PUT", put, b"picture", {"Content-Type": "text/html"})  # another type than was signed
    assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body


def test_cors_follows_the_rules_of_the_bucket(vibe, s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "ContentType": "image/jpeg"},
                                    ExpiresIn=600)
    picture = {"Content-Type": "image/jpeg"}
    ask = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT",
           "Access-Control-Request-Headers": "content-type"}
    status, _, body = vibe.request("OPTIONS", url, headers=ask)
    assert status == 403 and b"CORS is not enabled for this bucket" in body
    rules = [{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"],
              "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules

    status, headers, _ = vibe.request("OPTIONS", url, headers=ask)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert headers["Access-Control-Allow-Methods"] == "PUT, GET" and headers["Access-Control-Max-Age"] == "600"
    assert headers["Access-Control-Allow-Headers"] == "content-type" and "Origin" in headers["Vary"]
    assert vibe.request("OPTIONS", url, headers={**ask, "Origin": "https://evil.org"})[0] == 403
    assert vibe.request("OPTIONS", url, headers={"Access-Control-Request-Method": "PUT"})[0] == 400

    status, headers, _ = vibe.request("PUT", url, b"x", {"Origin": "https://app.example.com", **picture})
    assert status == 200 and headers["Access-Control-Expose-Headers"] == "ETag"
    status, headers, _ = vibe.request("PUT", url, b"x", {"Origin": "https://evil.org", **picture})
    assert status == 200 and "Access-Control-Allow-Origin" not in headers
    status, headers, _ = vibe.request("PUT", url.replace("Signature=", "Signature=0"), b"x",
                                         {"Origin": "https://app.example.com", **picture})
    assert status == 403 and headers["Access-Control-Allow-Origin"] == "https://app.example.com"

    s3.delete_bucket_cors(Bucket=bucket)
    assert vibe.request("OPTIONS", url, headers=ask)[0] == 403
    bad = [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]
    assert error_of(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": bad}) == ("InvalidRequest", 400)
