import Testing
import TowlineCore

@testable import TowlineObjectsS3

@Suite("Where a bucket is")
struct S3LocationTests {
    @Test("everything has a default but the bucket")
    func defaults() throws {
        let location = try S3Location(parsing: "s3://media")
        #expect(location.endpoint.origin == "https://s3.us-east-1.amazonaws.com")
        #expect(location.prefix.isEmpty)
        #expect(!location.isPathStyle)
        #expect(location.encryption == .bucketDefault)
        #expect(location.storageClass == nil)
        #expect(location.checksum == .md5)
        let url = try location.url(of: location.key(ObjectKey("ab/x.mp4")), query: "a=1")
        #expect(url.absoluteString == "https://media.s3.us-east-1.amazonaws.com/ab/x.mp4?a=1")
    }

    @Test("everything can be said")
    func everything() throws {
        let location = try S3Location(
            parsing: "s3://media/in/2026/?endpoint=http%3A%2F%2F10.0.0.1%3A9000&region=eu-1&path-style=true"
                + "&sse=aws:kms&sse-kms-key-id=arn:aws:kms:x&storage-class=STANDARD_IA&checksum=sha256")
        #expect(location.endpoint.origin == "http://10.0.0.1:9000")
        #expect(location.prefix == "in/2026/")
        #expect(location.encryption == .keyService(keyID: "arn:aws:kms:x"))
        #expect(location.storageClass == "STANDARD_IA")
        #expect(location.checksum == .sha256)
        #expect(
            try location.url(of: location.key(ObjectKey("ä b")), query: "").absoluteString
                == "http://10.0.0.1:9000/media/in/2026/%C3%A4%20b")
        #expect(try location.url(of: nil, query: "uploads=").absoluteString == "http://10.0.0.1:9000/media?uploads=")
    }

    @Test(
        "the style follows from the endpoint and the bucket, unless it is said",
        arguments: [
            ("s3://media?endpoint=https://oss-cn-hangzhou.aliyuncs.com", false),
            ("s3://media?endpoint=https://s3.example.com&path-style=true", true),
            ("s3://media?endpoint=http://127.0.0.1:9000", true),
            ("s3://media?endpoint=http://[::1]:9000", true),
            ("s3://media?endpoint=http://localhost:9000", true),
            ("s3://media?endpoint=http://localhost:9000&path-style=false", false),
            ("s3://media.example.com", true),
        ])
    func style(url: String, isPathStyle: Bool) throws {
        #expect(try S3Location(parsing: url).isPathStyle == isPathStyle)
    }

    @Test(
        "what is wrong is refused with what is allowed",
        arguments: [
            ("file:/media", "it must begin with s3://"),
            ("s3://", "a bucket's name has 3 to 63"),
            ("s3://Media", "a bucket's name has 3 to 63"),
            ("s3://a..b", "a bucket's name has 3 to 63"),
            ("s3://-media", "a bucket's name has 3 to 63"),
            ("s3://media/a//b", "the prefix takes"),
            ("s3://media/../b", "the prefix takes"),
            ("s3://media/a%20b", "the prefix takes"),
            ("s3://media?regoin=x", "there is no key 'regoin'; there are endpoint, region"),
            ("s3://media?region=", "region needs a value"),
            ("s3://media?region", "region needs a value"),
            ("s3://media?region=%zz", "region needs a value"),
            ("s3://media?region=a&region=b", "region is there twice"),
            ("s3://media?region=A/b", "region takes 1 to 64 lower-case letters"),
            ("s3://media?endpoint=ftp://x", "endpoint is no URL"),
            ("s3://media?endpoint=http://x.test/path", "endpoint takes scheme, host and port only"),
            ("s3://media?endpoint=http://a:b@x.test", "endpoint takes scheme, host and port only"),
            ("s3://media?path-style=yes", "path-style takes true or false, not 'yes'"),
            ("s3://media?sse=aes", "sse takes AES256 or aws:kms"),
            ("s3://media?sse-kms-key-id=x", "sse-kms-key-id goes with sse=aws:kms only"),
            ("s3://media?storage-class=a", "storage-class takes"),
            ("s3://media?checksum=crc", "checksum takes md5 or sha256"),
            ("s3://media?endpoint=http://127.0.0.1&path-style=false", "path-style must be true"),
        ])
    func wrong(url: String, sentence: String) {
        let error = #expect(throws: S3LocationError.self) { try S3Location(parsing: url) }
        #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
    }
}
