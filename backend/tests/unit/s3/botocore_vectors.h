/* Made by botocore_vectors.py with botocore 1.29.27; signed at 2026-11-22T21:10:26Z for eu-central-1. */
static const struct botocore_vector botocore_vectors[] = {
    {"list",
     "GET",
     "/bucket",
     "list-type=2&prefix=a%20b%2F%2B%C3%A9%26%3D~&delimiter=%2F&encoding-type=url",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
       "Signature=19451b7991d338ef27def7f1bc3c30f0b282ebee198d51baee56008df9bc1d41"}}},
    {"bare parameter",
     "GET",
     "/bucket",
     "cors=",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
       "Signature=83c4429c249f6662ee65df63f88b59e6209750ff652463962b9ec86a5a963cbb"}}},
    {"put",
     "PUT",
     "/bucket/photos/caf%C3%A9%20%2B%20tea%21%27%28%29%2A.jpg",
     "",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"Content-Type", "image/jpeg"},
      {"x-amz-meta-note", "two  spaces   and\011tabs "},
      {"Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=content-md5;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-note, "
       "Signature=91fde380a90643511f5d2a91811510bccb6dd82569c50214e3f4e92d1abd4a88"}}},
    {"dots and slashes stay",
     "GET",
     "/bucket/a/../b//c/./d",
     "",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"Range", "bytes=0-9"},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
       "Signature=bdac58ddba95b8028f67c5b79b9f1286b00cb408357d4aefbfa9d82ccf2a73d9"}}},
    {"upload part",
     "PUT",
     "/bucket/key~%25",
     "partNumber=10&uploadId=2~x%2Fy%2Bz%3D",
     true,
     {{"Host", "127.0.0.1:9000"},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Security-Token", "FwoGZXIvYXdzE/+a=="},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
       "Signature=2e702d0627b3e4ce7f42197ed9ba2e7dc21e892c188f863e2af53d6ade2819e2"}}},
    {"multi-delete",
     "POST",
     "/bucket",
     "delete=",
     true,
     {{"Host", "127.0.0.1:9000"},
      {"x-amz-checksum-crc32", "sOO8/Q=="},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Security-Token", "FwoGZXIvYXdzE/+a=="},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
       "Signature=461b4a58bcfb8270a86f5887815e1619044f8d88e03cfc6c3c89a0062a978ab5"}}},
    {"upper-case first",
     "GET",
     "/bucket",
     "a=1&B=2&a-b=3&A=4",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"X-Amz-Date", "20261122T211026Z"},
      {"X-Amz-Content-SHA256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request, "
       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
       "Signature=d669302e2b6bb7a550d73744f62b3af4b8d4450506b997b666297892e9c3eedc"}}},
    {"list",
     "GET",
     "/bucket",
     "list-type=2&prefix=a%20b%2F%2B%C3%A9%26%3D~&delimiter=%2F&encoding-type=url&X-Amz-Algorithm=AWS4-HMAC-"
     "SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date="
     "20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature="
     "3b47068d953db2d8274f6cb5a35610d9a80d0ddf59c7ef09227a63399873465d",
     false,
     {{"Host", "127.0.0.1:9000"}}},
    {"bare parameter",
     "GET",
     "/bucket",
     "cors=&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-1%"
     "2Fs3%2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-"
     "Signature=a7cf6aba90c9b31fc340c81b4049e93b106ed5333f72bd38795731cccbe74848",
     false,
     {{"Host", "127.0.0.1:9000"}}},
    {"put",
     "PUT",
     "/bucket/photos/caf%C3%A9%20%2B%20tea%21%27%28%29%2A.jpg",
     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-1%2Fs3%"
     "2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=content-md5%"
     "3Bcontent-type%3Bhost%3Bx-amz-meta-note&X-Amz-Signature="
     "518825df3eb1f5ae2cc749536f9a2e6bf29017d4cffd07ec424aeb9fd34ecf24",
     false,
     {{"Host", "127.0.0.1:9000"},
      {"Content-Type", "image/jpeg"},
      {"x-amz-meta-note", "two  spaces   and\011tabs "},
      {"Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="}}},
    {"dots and slashes stay",
     "GET",
     "/bucket/a/../b//c/./d",
     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-1%2Fs3%"
     "2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host%3Brange&X-Amz-"
     "Signature=558099aa30d58e5566cdb875df32353bd38b9c646235f40682b818d4fb835acd",
     false,
     {{"Host", "127.0.0.1:9000"}, {"Range", "bytes=0-9"}}},
    {"upload part",
     "PUT",
     "/bucket/key~%25",
     "partNumber=10&uploadId=2~x%2Fy%2Bz%3D&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
     "AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-"
     "Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=FwoGZXIvYXdzE%2F%2Ba%3D%3D&X-Amz-Signature="
     "2bbae02179635f442a4a205f09e42c0545dc6e29bbd276143eb7dd8683759e22",
     true,
     {{"Host", "127.0.0.1:9000"}}},
    {"multi-delete",
     "POST",
     "/bucket",
     "delete=&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%2Feu-central-"
     "1%2Fs3%2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host%3Bx-amz-"
     "checksum-crc32&X-Amz-Security-Token=FwoGZXIvYXdzE%2F%2Ba%3D%3D&X-Amz-Signature="
     "f4a4bf8ed70d0454dbdfb6124be621795cf87242024bbb8dff453b9a39be04b1",
     true,
     {{"Host", "127.0.0.1:9000"}, {"x-amz-checksum-crc32", "sOO8/Q=="}}},
    {"upper-case first",
     "GET",
     "/bucket",
     "a=1&B=2&a-b=3&A=4&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261122%"
     "2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261122T211026Z&X-Amz-Expires=3600&X-Amz-SignedHeaders="
     "host&X-Amz-Signature=1e295aa84219ac00b63f54d7de6ceb5ac05f031ef32dfe5af15aa0f35f0b3e11",
     false,
     {{"Host", "127.0.0.1:9000"}}},
};
