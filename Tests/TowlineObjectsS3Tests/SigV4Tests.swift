import Testing
import TowlineCore

@testable import TowlineObjectsS3

@Suite("Signatures of version 4")
struct SigV4Tests {
    /// The key of the examples in the S3 documents.
    private let signer = SigV4(
        credentials: S3Credentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        region: "us-east-1")
    /// 24 May 2013, 00:00:00 UTC.
    private let time: Int64 = 1_369_353_600

    private func request(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], hash: String = SigV4.emptyPayload
    ) -> SigV4.Request {
        SigV4.Request(
            method: method, path: path, query: query,
            headers: [
                ("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", hash),
                ("x-amz-date", "20130524T000000Z"),
            ] + headers, payloadHash: hash)
    }

    private func signature(_ request: SigV4.Request) -> Substring {
        signer.authorization(for: request, at: time).split(separator: "Signature=").last ?? ""
    }

    @Test("the published examples of S3 come out as published")
    func examples() {
        #expect(
            signature(request("GET", "/test.txt", headers: [("range", "bytes=0-9")]))
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        #expect(
            signature(
                request(
                    "PUT", "/test%24file.text",
                    headers: [
                        ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                    ], hash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"))
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        #expect(
            signature(request("GET", "/", query: [("lifecycle", "")]))
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            signature(request("GET", "/", query: [("max-keys", "2"), ("prefix", "J")]))
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test("the published example of a URL that carries its signature comes out as published")
    func presigned() {
        let request = SigV4.Request(
            method: "GET", path: "/test.txt", query: [], headers: [("host", "examplebucket.s3.amazonaws.com")],
            payloadHash: SigV4.unsignedPayload)
        let query = signer.presignedQuery(for: request, at: time, lifetime: 86_400)
        #expect(
            query.hasSuffix("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
        #expect(query.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&"))
    }

    @Test("a URL is the one that botocore 1.44.8 makes of the same parts")
    func presignedURL() throws {
        let presigner = S3Presigner(
            location: try S3Location(parsing: "s3://media/in?endpoint=http://127.0.0.1:9000&region=eu-1"),
            credentials: S3Credentials(accessKeyID: "id", secretAccessKey: "secret", sessionToken: "to/ken="))
        let url = try presigner.url(
            for: ObjectKey("ab/x y.mp4"), at: Timestamp(milliseconds: 1_796_011_506_000), lifetime: 60,
            fileName: "a b.mp4")
        #expect(url.absoluteString.hasPrefix("http://127.0.0.1:9000/media/in/ab/x%20y.mp4?"))
        #expect(url.query?.contains("X-Amz-Date=20261130T040506Z&X-Amz-Expires=60") == true)
        #expect(
            url.query?.hasSuffix("=03276b87f3e5957b08e891aeb9563c1f107c45c9e883ce670f8fc9dce5d87511") == true)
        #expect(url.masked.contains("03276b87") == false)
    }

    @Test("a session token is in the URL, and signed")
    func token() {
        let signer = SigV4(
            credentials: S3Credentials(accessKeyID: "id", secretAccessKey: "secret", sessionToken: "a/b+c="),
            region: "eu-1")
        let request = SigV4.Request(
            method: "GET", path: "/", query: [], headers: [("host", "h")], payloadHash: SigV4.unsignedPayload)
        #expect(
            signer.presignedQuery(for: request, at: time, lifetime: 1).contains("&X-Amz-Security-Token=a%2Fb%2Bc%3D&"))
    }

    @Test("a query is encoded, and sorted as encoded")
    func query() {
        #expect(
            SigV4.canonical(query: [("b", "2 3"), ("a", "x/y"), ("B", ""), ("a", "é~*")])
                == "B=&a=%C3%A9~%2A&a=x%2Fy&b=2%203")
    }

    @Test("a secret does not show itself")
    func secret() {
        let credentials = S3Credentials(accessKeyID: "id", secretAccessKey: "secret", sessionToken: "token")
        var text = ""
        dump(credentials, to: &text)
        #expect(!("\(credentials) \(String(reflecting: credentials)) \(text)".contains("secret")))
    }

    @Test(
        "base64 is as RFC 4648 has it",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func base64(plain: String, encoded: String) {
        #expect(S3Encoding.base64(plain.utf8) == encoded)
    }
}
