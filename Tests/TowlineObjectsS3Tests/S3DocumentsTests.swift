import NIOHTTP1
import Testing

@testable import TowlineObjectsS3

@Suite("What a store says")
struct S3DocumentsTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("an error is found behind the blanks that keep a connection open, and in any namespace")
    func error() {
        let text =
            " \n\n<?xml version=\"1.0\"?>\n<Error xmlns=\"urn:x\"><Code>SlowDown</Code><Message>a &amp; b</Message>"
            + "<Region>eu-2</Region><Endpoint>e.test</Endpoint><Other><Code>no</Code></Other></Error>"
        let error = S3Documents.error(bytes(text))
        #expect(
            error == S3Documents.ErrorDocument(code: "SlowDown", message: "a & b", region: "eu-2", endpoint: "e.test"))
    }

    @Test(
        "what is no error document is none",
        arguments: [
            "", "   ", "<html><body>502</body></html>", "<Error><Code>x</Code>", "<CopyPartResult/>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><Error><Code>&a;</Code></Error>",
        ])
    func noError(text: String) {
        #expect(S3Documents.error(bytes(text)) == nil)
    }

    @Test("parts come page by page, whatever the end of the root's name", arguments: ["Result", "Response"])
    func parts(ending: String) {
        let text =
            "<ListParts\(ending)><NextPartNumberMarker>2</NextPartNumberMarker><IsTruncated>true</IsTruncated>"
            + "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag><Size>5</Size></Part>"
            + "<Part><ETag>\"b\"</ETag><Size>6</Size><PartNumber>2</PartNumber></Part></ListParts\(ending)>"
        let page = S3Documents.parts(bytes(text))
        #expect(
            page?.parts == [
                S3Documents.Part(number: 1, tag: "\"a\"", bytes: 5),
                S3Documents.Part(number: 2, tag: "\"b\"", bytes: 6),
            ])
        #expect(page?.next == 2)
        #expect(S3Documents.parts(bytes(text.replacing("true", with: "false")))?.next == nil)
        #expect(S3Documents.parts(bytes(text.replacing("<Size>6</Size>", with: ""))) == nil)
        #expect(S3Documents.parts(bytes(text.replacing("<Size>6", with: "<Size>-6"))) == nil)
    }

    @Test("uploads come page by page")
    func uploads() {
        let text =
            "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
            + "<NextUploadIdMarker>2</NextUploadIdMarker><Upload><Key>k</Key><UploadId>1</UploadId></Upload>"
            + "<Upload><UploadId>2</UploadId><Key>k</Key></Upload></ListMultipartUploadsResult>"
        let page = S3Documents.uploads(bytes(text))
        #expect(page?.uploads.map(\.id) == ["1", "2"])
        #expect(page?.next == S3Documents.Upload(key: "k", id: "2"))
        #expect(S3Documents.uploads(bytes("<Other/>")) == nil)
    }

    @Test("what a completion names is escaped")
    func completion() {
        let text = S3Documents.completion(of: [S3Documents.Part(number: 1, tag: "\"a<&>\"", bytes: 1)])
        #expect(text.contains("<PartNumber>1</PartNumber><ETag>&quot;a&lt;&amp;&gt;&quot;</ETag>"))
    }

    @Test(
        "what may be done follows from the code, or else from the status",
        arguments: [
            (200, "InternalError", S3Failure.Kind.passing), (503, "", .passing), (429, "", .passing),
            (408, "", .passing), (400, "RequestTimeout", .passing), (400, "BadDigest", .passing), (501, "", .other),
            (500, "NotImplemented", .other), (400, "", .other), (500, "InvalidPart", .other), (404, "", .missing),
            (404, "NoSuchUpload", .missing), (412, "", .changed), (403, "", .forbidden), (401, "", .forbidden),
            (507, "", .full), (403, "QuotaExceeded", .full), (403, "RequestTimeTooSkewed", .skewed(nil)),
        ])
    func kinds(status: Int, code: String, kind: S3Failure.Kind) {
        #expect(S3Failure.kind(status: status, code: code, headers: [:]) == kind)
    }

    @Test("the time of a store whose clock differs is taken from its answer")
    func date() {
        let headers: HTTPHeaders = ["Date": "Fri, 24 May 2013 00:00:00 GMT"]
        #expect(S3Failure.kind(status: 403, code: "RequestExpired", headers: headers) == .skewed(1_369_353_600))
    }

    @Test("waits grow to their bound, and are anything below it")
    func waits() {
        let rule = S3RetryRule()
        #expect(
            (1...7).map { rule.wait(after: $0, random: 1) }
                == [200, 400, 800, 1600, 3200, 6400, 10_000].map { .milliseconds($0) })
        #expect(rule.wait(after: 3, random: 0) == .zero)
        #expect(rule.wait(after: 1000, random: 1) == .seconds(10))
    }
}
