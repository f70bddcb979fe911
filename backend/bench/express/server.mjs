// The peer of ./dev bench: upload tickets, the feed of activities and pictures as a usual Node.js back end makes them.
// Express 5, jsonwebtoken, the AWS SDK's presigner, pg and sharp; it checks, signs and asks what vibe does. DATABASE_URL is
// vibe's, PICTURES a folder. Prints
// {"port", "token"} when it listens.
import { randomUUID } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import sharp from 'sharp';

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

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '16kb' }));

// From the original that was stored, as without a media pipeline; no cache: each request is a rendering.
app.get('/picture/:name', async (request, response) => {
  const webp = await sharp(`${process.env.PICTURES}/${request.params.name.replace(/[^a-z0-9.]/g, '')}`)
    .rotate().resize({ width: 640, withoutEnlargement: true }).webp({ quality: 80 }).toBuffer();
  response.type('image/webp').send(webp);
});

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

const feed = `
  SELECT a.id, a.user_id, u.name, u.profile_picture_cdn_url, a.title, a.description, a.place_name, a.latitude, a.longitude,
         a.starts_at, a.ends_at, a.created_at, a.updated_at, a.capacity, a.participant_count,
         a.hero_image_url, a.hero_image_s3_key, a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,
         EXISTS (SELECT FROM activity_participants p WHERE p.activity_id = a.id AND p.user_id = $2) AS joined
  FROM activities a
  LEFT JOIN users u ON u.id = a.user_id
  ORDER BY a.created_at DESC, a.id DESC
  LIMIT $1`;

app.get('/api/activities', async (request, response) => {
  const { rows } = await pool.query({ name: 'feed', text: feed, values: [21, request.user] });
  const page = rows.slice(0, 20);
  const last = page.at(-1);
  response.json({
    activities: page.map((row) => ({
      id: row.id,
      owner: { id: row.user_id, name: row.name, profilePictureCdnUrl: row.profile_picture_cdn_url },
      title: row.title,
      description: row.description,
      place: { name: row.place_name, latitude: row.latitude, longitude: row.longitude },
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      capacity: row.capacity,
      participantCount: row.participant_count,
      joined: row.joined,
      heroImage: { url: row.hero_image_url, s3Key: row.hero_image_s3_key, cdnUrl: row.hero_image_cdn_url },
      gallery: (row.image_urls ?? []).map((url, index) => ({
        index, url, s3Key: row.image_s3_keys[index], cdnUrl: row.image_cdn_urls[index],
      })),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    })),
    nextCursor: rows.length > 20 ? Buffer.from(`${last.created_at.toISOString()} ${last.id}`).toString('base64url') : null,
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  const token = jwt.sign({}, secret, { subject: randomUUID(), issuer: 'vibe', expiresIn: '1h' });
  console.log(JSON.stringify({ port: server.address().port, token }));
});
process.on('SIGTERM', () => process.exit(0));
