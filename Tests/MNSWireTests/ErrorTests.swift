import MNSWire
import Testing

@Suite("Errors")
struct ErrorTests {
    @Test(
        "each code of the reference has its status",
        arguments: [
            (403, ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"]),
            (
                400,
                [
                    "MissingAuthorizationHeader", "InvalidAuthorizationHeader", "MissingDateHeader",
                    "InvalidDateHeader",
                    "MissingVersionHeader", "InvalidDegist", "InvalidRequestURL", "InvalidQueryString", "MalformedXML",
                    "InvalidArgument", "MissingReceiptHandle", "MissingVisibilityTimeout", "ReceiptHandleError",
                    "QueueDeletedRecently", "InvalidQueueName", "QueueNameLengthError", "QueueNumExceededLimit",
                    "QpsLimitExceeded", "TopicNameLengthError", "TopicNameInvalid", "SubscriptionNameLengthError",
                    "SubscriptionNameInvalid", "EndpointInvalid",
                ]
            ),
            (404, ["MessageNotExist", "QueueNotExist", "TopicNotExist", "SubscriptionNotExist", "SubscriberNotExist"]),
            (408, ["TimeExpired"]), (409, ["QueueAlreadyExist", "TopicAlreadyExist", "SubscriptionAlreadyExist"]),
            (429, ["TooManyRequests"]), (500, ["InternalError", "InternalServerError"]),
        ])
    func statuses(_ status: Int, _ names: [String]) {
        #expect(MNSErrorCode.all.filter { $0.status == status }.map(\.name).sorted() == names.sorted())
    }

    @Test("codes are unique and each has a sentence", arguments: MNSErrorCode.all)
    func table(_ code: MNSErrorCode) {
        #expect(MNSErrorCode.all.filter { $0.name == code.name }.count == 1)
        #expect(code.text.hasSuffix("."))
        #expect(MNSErrorCode(named: code.name, status: 599) == code)
        #expect(MNSError(code).status == code.status)
    }

    @Test("an error has all four elements, each with text")
    func document() throws {
        let document = MNSErrorDocument(
            MNSError(.queueNotExist, "No <queue>."), requestID: "00000000000000000000000A", hostID: "http://h")
        let elements = """
            <Code>QueueNotExist</Code><Message>No &lt;queue&gt;.</Message>\
            <RequestId>00000000000000000000000A</RequestId><HostId>http://h</HostId>
            """
        #expect(text(document.encoded()) == answer("Error", elements))
        #expect(try MNSErrorDocument(decoding: document.encoded(), status: 404) == document)
        let bare = MNSErrorDocument(MNSError(.internalError, ""), requestID: "", hostID: "")
        let filled = "<Code>InternalError</Code><Message>-</Message><RequestId>-</RequestId><HostId>-</HostId>"
        #expect(text(bare.encoded()) == answer("Error", filled))
    }

    @Test("an error of another server is read with any namespace and an unknown code keeps its status")
    func foreign() throws {
        let document = """
            <?xml version="1.0"  encoding="UTF-8"?>
            <Error xmlns="http://mns.aliyuncs.com/doc/v1/">
                <Code>Strange</Code>
                <RequestId>1</RequestId>
            </Error>
            """
        let read = try MNSErrorDocument(decoding: Array(document.utf8), status: 418)
        #expect(read.error.code.name == "Strange" && read.error.status == 418)
        #expect(read.error.message == "The server gave no reason." && read.requestID == "1" && read.hostID.isEmpty)
        for other in ["<html></html>", "Bad Gateway", "", "<Error/>", "<Errors><Error/></Errors>"] {
            #expect(throws: MNSError.self) { try MNSErrorDocument(decoding: Array(other.utf8), status: 502) }
        }
    }
}
