// The peer of ./dev bench: POST /api/upload/profile-picture as a usual Node.js back end makes it. Express 5, jsonwebtoken
// and the AWS SDK's presigner; it checks and signs what vibe checks and signs. Prints {"port", "token"} when it listens.
import { randomUUID } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const secret = randomUUID() + randomUUID();
const bucket = 'vibe-app-production';
const lifetimeSeconds = 900;
const extensions = { 'image/jpeg': 'jpg', 'image/png': 'png', 'image/webp': 'webp', 'image/heic': 'heic' };
const s3 = new S3Client({
  region: 'us-east-1',
  endpoint: 'http://127.0.0.1:9000',
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
});

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '16kb' }));

app.use((request, response, next) => {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'Bearer') return response.status(401).json({ code: 'unauthorized' });
  try {
    request.user = jwt.verify(token, secret, { algorithms: ['HS256'], issuer: 'vibe' }).sub;
  } catch {
    return response.status(401).json({ code: 'unauthorized' });
  }
  next();
});

app.post('/api/upload/profile-picture', async (request, response) => {
  const { contentType, contentLength } = request.body;
  const extension = extensions[contentType];
  if (!extension || !Number.isInteger(contentLength) || contentLength < 1 || contentLength > 15 * 1024 * 1024)
    return response.status(422).json({ code: 'invalid' });
  const uploadId = randomUUID();
  const key = `user-uploads/${request.user}/${uploadId}-${Date.now()}.${extension}`;
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    ContentType: contentType,
    ContentLength: contentLength,
    IfNoneMatch: '*',
    Metadata: { 'vibe-purpose': 'profile-picture' },
  });
  const url = await getSignedUrl(s3, command, {
    expiresIn: lifetimeSeconds,
    signableHeaders: new Set(['host', 'content-type', 'content-length', 'if-none-match', 'x-amz-meta-vibe-purpose']),
    unhoistableHeaders: new Set(['x-amz-meta-vibe-purpose']),
  });
  response.status(201).json({
    uploadId,
    key,
    method: 'PUT',
    url,
    headers: {
      'Content-Type': contentType,
      'Content-Length': String(contentLength),
      'If-None-Match': '*',
      'x-amz-meta-vibe-purpose': 'profile-picture',
    },
    expiresAt: new Date(Date.now() + lifetimeSeconds * 1000).toISOString(),
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  const token = jwt.sign({}, secret, { subject: randomUUID(), issuer: 'vibe', expiresIn: '1h' });
  console.log(JSON.stringify({ port: server.address().port, token }));
});
process.on('SIGTERM', () => process.exit(0));
