// The AWS SDK for JavaScript with its default settings against the store. test_s3_js.py runs this script.
// Address and credentials come from the environment. Prints one line for each step, and ends at the first that fails.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";

import {
  AbortMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand, CreateMultipartUploadCommand,
  CompleteMultipartUploadCommand, DeleteBucketCommand, DeleteObjectCommand, DeleteObjectsCommand,
  GetObjectAttributesCommand, GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand,
  ListObjectsV2Command, ListPartsCommand, PutObjectCommand, S3Client, UploadPartCommand, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const MIB = 1024 * 1024;
const client = new S3Client({ endpoint: process.env.S3_URL, region: process.env.AWS_REGION, forcePathStyle: true });
const Bucket = `js-${randomBytes(6).toString("hex")}`;
const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
const failsWith = (name, promise) => assert.rejects(promise, (error) => error.name === name);

async function step(name, run) {
  await run();
  console.log(`ok ${name}`);
}

async function* piecesOf(data, size) {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

await step("create bucket", () => send(CreateBucketCommand, {}));

await step("put and get with metadata", async () => {
  const Key = "a folder/☃ + % & <key>.txt";
  await send(PutObjectCommand, {
    Key, Body: "hello", ContentType: "text/plain", CacheControl: "max-age=60", Metadata: { purpose: "test" },
  });
  const got = await send(GetObjectCommand, { Key });
  assert.equal(await got.Body.transformToString(), "hello");
  assert.equal(got.ContentType, "text/plain");
  assert.equal(got.CacheControl, "max-age=60");
  assert.deepEqual(got.Metadata, { purpose: "test" });
  assert.equal(got.ContentEncoding, undefined);
});

for (const [ChecksumAlgorithm, field] of [["CRC32", "ChecksumCRC32"], ["CRC32C", "ChecksumCRC32C"],
  ["CRC64NVME", "ChecksumCRC64NVME"], ["SHA1", "ChecksumSHA1"], ["SHA256", "ChecksumSHA256"]]) {
  await step(`a stream with a ${ChecksumAlgorithm} trailer`, async () => {
    const data = randomBytes(3 * MIB + 17);
    const Key = `stream-${ChecksumAlgorithm}`;
    const put = await send(PutObjectCommand, {
      Key, Body: Readable.from(piecesOf(data, 100_000)), ContentLength: data.length, ChecksumAlgorithm,
    });
    const head = await send(HeadObjectCommand, { Key, ChecksumMode: "ENABLED" });
    assert.ok(put[field]);
    assert.equal(head[field], put[field]);
    assert.equal(head.ContentLength, data.length);
    assert.deepEqual(await bytesOf(await send(GetObjectCommand, { Key })), data);
  });
}

await step("a wrong checksum is refused", async () => {
  await failsWith("BadDigest", send(PutObjectCommand, { Key: "bad", Body: "hello", ChecksumCRC32: "AAAAAA==" }));
  await failsWith("NotFound", send(HeadObjectCommand, { Key: "bad" }));
});

await step("upload of 40 MB in parts", async () => {
  const data = randomBytes(40_000_000);
  const upload = new Upload({
    client, params: { Bucket, Key: "large", Body: Readable.from(piecesOf(data, MIB)), ContentType: "video/mp4" },
  });
  await upload.done();
  const got = await send(GetObjectCommand, { Key: "large" });
  assert.equal(got.ContentType, "video/mp4");
  assert.match(got.ETag, /^"[0-9a-f]{32}-8"$/);
  assert.equal(createHash("sha256").update(await bytesOf(got)).digest("hex"),
    createHash("sha256").update(data).digest("hex"));
  const range = await send(GetObjectCommand, { Key: "large", Range: "bytes=5242870-5242889" });
  assert.deepEqual(await bytesOf(range), data.subarray(5242870, 5242890));
});

await step("multipart with a CRC64NVME of the whole", async () => {
  const Key = "whole-checksum";
  const parts = [randomBytes(5 * MIB), randomBytes(12345)];
  const { UploadId, ChecksumType } = await send(CreateMultipartUploadCommand, { Key, ChecksumAlgorithm: "CRC64NVME" });
  assert.equal(ChecksumType, "FULL_OBJECT");
  const Parts = [];
  for (const [index, Body] of parts.entries()) {
    const part = await send(UploadPartCommand, {
      Key, UploadId, PartNumber: index + 1, Body, ChecksumAlgorithm: "CRC64NVME",
    });
    Parts.push({ PartNumber: index + 1, ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME });
  }
  const listed = await send(ListPartsCommand, { Key, UploadId });
  assert.deepEqual(listed.Parts.map((part) => part.Size), parts.map((part) => part.length));
  const done = await send(CompleteMultipartUploadCommand, { Key, UploadId, MultipartUpload: { Parts } });
  const put = await send(PutObjectCommand, { Key: "same", Body: Buffer.concat(parts), ChecksumAlgorithm: "CRC64NVME" });
  assert.equal(done.ChecksumCRC64NVME, put.ChecksumCRC64NVME);
  const attributes = await send(GetObjectAttributesCommand, {
    Key, ObjectAttributes: ["ETag", "Checksum", "ObjectParts", "ObjectSize"],
  });
  assert.equal(attributes.Checksum.ChecksumCRC64NVME, put.ChecksumCRC64NVME);
  assert.equal(attributes.ObjectParts.TotalPartsCount, 2);
  assert.equal(attributes.ObjectSize, 5 * MIB + 12345);
  assert.deepEqual(await bytesOf(await send(GetObjectCommand, { Key })), Buffer.concat(parts));
});

await step("an upload that is given up leaves nothing", async () => {
  const { UploadId } = await send(CreateMultipartUploadCommand, { Key: "given-up" });
  assert.equal((await send(ListMultipartUploadsCommand, {})).Uploads.length, 1);
  await send(AbortMultipartUploadCommand, { Key: "given-up", UploadId });
  assert.equal((await send(ListMultipartUploadsCommand, {})).Uploads, undefined);
  await failsWith("NoSuchUpload", send(UploadPartCommand, { Key: "given-up", UploadId, PartNumber: 1, Body: "x" }));
});

await step("conditional writes", async () => {
  await send(PutObjectCommand, { Key: "once", Body: "1", IfNoneMatch: "*" });
  await failsWith("PreconditionFailed", send(PutObjectCommand, { Key: "once", Body: "2", IfNoneMatch: "*" }));
  const { ETag } = await send(HeadObjectCommand, { Key: "once" });
  await send(PutObjectCommand, { Key: "once", Body: "3", IfMatch: ETag });
  await failsWith("PreconditionFailed", send(PutObjectCommand, { Key: "once", Body: "4", IfMatch: ETag }));
});

await step("copy, list and errors", async () => {
  await send(CopyObjectCommand, { Key: "copies/☃ 1", CopySource: encodeURI(`${Bucket}/once`) });
  await send(CopyObjectCommand, {
    Key: "copies/2", CopySource: `${Bucket}/once`, MetadataDirective: "REPLACE", Metadata: { a: "b" },
  });
  const listed = await send(ListObjectsV2Command, { Delimiter: "/" });
  assert.deepEqual(listed.CommonPrefixes.map((entry) => entry.Prefix), ["a folder/", "copies/"]);
  const keys = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket, Prefix: "copies/" }))
    keys.push(...page.Contents.map((object) => object.Key));
  assert.deepEqual(keys, ["copies/2", "copies/☃ 1"]);
  await failsWith("NoSuchKey", send(GetObjectCommand, { Key: "missing" }));
  await failsWith("NoSuchBucket", client.send(new ListObjectsV2Command({ Bucket: "no-such-bucket-anywhere" })));
});

await step("presigned PUT and GET", async () => {
  const put = await getSignedUrl(client, new PutObjectCommand({
    Bucket, Key: "presigned é.jpg", ContentType: "image/jpeg", Metadata: { from: "phone" },
  }), { expiresIn: 60 });
  const sent = await fetch(put, { method: "PUT", body: "picture", headers: { "content-type": "image/jpeg" } });
  assert.equal(sent.status, 200, await sent.text());
  const get = await getSignedUrl(client, new GetObjectCommand({
    Bucket, Key: "presigned é.jpg", ResponseContentDisposition: "attachment",
  }), { expiresIn: 60 });
  const got = await fetch(get);
  assert.equal(await got.text(), "picture");
  assert.equal(got.headers.get("content-type"), "image/jpeg");
  assert.equal(got.headers.get("content-disposition"), "attachment");
  assert.equal(got.headers.get("x-amz-meta-from"), "phone");
});

await step("delete everything", async () => {
  const { Contents } = await send(ListObjectsV2Command, {});
  await send(DeleteObjectCommand, { Key: Contents[0].Key });
  const deleted = await send(DeleteObjectsCommand, {
    Delete: { Objects: Contents.map((object) => ({ Key: object.Key })) },
  });
  assert.equal(deleted.Deleted.length, Contents.length);
  assert.equal(deleted.Errors, undefined);
  await send(DeleteBucketCommand, {});
});

console.log("done");
