import MNSWire
import Testing

@Suite("Router")
struct RouterTests {
    @Test(
        "each method and target is its operation",
        arguments: [
            ("GET", "/queues", MNSOperation.listQueues), ("GET", "/queues/", .listQueues),
            ("GET", "/queues?x=y", .listQueues), ("GET", "http://h:1/queues", .listQueues),
            ("PUT", "/queues/q", .createQueue("q")), ("PUT", "/queues/q/", .createQueue("q")),
            ("PUT", "/queues/q?metaoverride=false", .createQueue("q")), ("PUT", "/queues/a%2Db", .createQueue("a-b")),
            ("PUT", "/queues/q?metaoverride=true", .setQueueAttributes("q")),
            ("PUT", "/queues/q?MetaOverride=True", .setQueueAttributes("q")),
            ("PUT", "HTTPS://h/queues/q?Metaoverride=true", .setQueueAttributes("q")),
            ("GET", "/queues/q", .getQueueAttributes("q")), ("DELETE", "/queues/q", .deleteQueue("q")),
            ("POST", "/queues/q/messages", .sendMessages(queue: "q")),
            ("POST", "/queues/messages/messages", .sendMessages(queue: "messages")),
            ("GET", "/queues/q/messages", .receiveMessage(queue: "q", waitSeconds: nil)),
            ("GET", "/queues/q/messages?", .receiveMessage(queue: "q", waitSeconds: nil)),
            ("GET", "/queues/q/messages?waitseconds=", .receiveMessage(queue: "q", waitSeconds: nil)),
            ("GET", "/queues/q/messages?peekonly=false&WaitSeconds=0", .receiveMessage(queue: "q", waitSeconds: 0)),
            ("GET", "/queues/q/messages?waitseconds=30", .receiveMessage(queue: "q", waitSeconds: 30)),
            (
                "GET", "/queues/q/messages?numOfMessages=16&waitseconds=10",
                .batchReceiveMessages(queue: "q", count: 16, waitSeconds: 10)
            ),
            (
                "GET", "/queues/q/messages?numofmessages=1",
                .batchReceiveMessages(queue: "q", count: 1, waitSeconds: nil)
            ),
            ("GET", "/queues/q/messages?peekonly=true", .peekMessage(queue: "q")),
            ("GET", "/queues/q/messages?peekonly=true&waitseconds=99", .peekMessage(queue: "q")),
            ("GET", "/queues/q/messages?PeekOnly=TRUE&numOfMessages=2", .batchPeekMessages(queue: "q", count: 2)),
            ("GET", "/queues/q/messages?numOfMessages=2&peekonly=true", .batchPeekMessages(queue: "q", count: 2)),
            ("DELETE", "/queues/q/messages", .batchDeleteMessages(queue: "q")),
            ("DELETE", "/queues/q/messages?ReceiptHandle=", .batchDeleteMessages(queue: "q")),
            (
                "PUT", "/queues/q/messages?ReceiptHandle=8-abc&VisibilityTimeout=60",
                .changeMessageVisibility(queue: "q", receiptHandle: "8-abc", visibilityTimeout: 60)
            ),
            (
                "PUT", "/queues/q/messages?visibilityTimeout=43200&receiptHandle=h",
                .changeMessageVisibility(queue: "q", receiptHandle: "h", visibilityTimeout: 43_200)
            ),
        ])
    func operations(_ method: String, _ target: String, _ operation: MNSOperation) throws {
        #expect(try MNSRouter.route(method: method, target: target) == operation)
        #expect(MNSRouter.owns(target: target))
    }

    @Test(
        "a receipt handle is decoded exactly once, and a raw one is taken as it is",
        arguments: [
            ("8-abc/DEF+gh==", "8-abc/DEF+gh=="), ("8-abc%2FDEF%2Bgh%3D%3D", "8-abc/DEF+gh=="),
            ("8-abc%252F", "8-abc%2F"), ("a%2fb%2b", "a/b+"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("a?b", "a?b"),
            ("%E6%B5%8B", "测"), ("=", "="),
        ])
    func receiptHandles(_ written: String, _ handle: String) throws {
        for name in ["ReceiptHandle", "receiptHandle", "receipthandle", "Receipt%48andle"] {
            let operation = try MNSRouter.route(method: "DELETE", target: "/queues/q/messages?\(name)=\(written)")
            #expect(operation == .deleteMessage(queue: "q", receiptHandle: handle))
        }
    }

    @Test(
        "what is unknown or wrong gets the vendor's code",
        arguments: [
            ("GET", "/", "InvalidRequestURL"), ("GET", "", "InvalidRequestURL"), ("GET", "queues", "InvalidRequestURL"),
            ("OPTIONS", "*", "InvalidRequestURL"), ("GET", "/queuesx", "InvalidRequestURL"),
            ("GET", "/Queues/q", "InvalidRequestURL"), ("GET", "//queues", "InvalidRequestURL"),
            ("POST", "/queues", "InvalidRequestURL"), ("POST", "/queues/q", "InvalidRequestURL"),
            ("get", "/queues/q", "InvalidRequestURL"), ("PATCH", "/queues/q/messages", "InvalidRequestURL"),
            ("GET", "/queues/q/message", "InvalidRequestURL"), ("GET", "/queues/q/messages/1", "InvalidRequestURL"),
            ("GET", "/queues/q//messages", "InvalidRequestURL"), ("GET", "/queues/%FF", "InvalidRequestURL"),
            ("GET", "/queues/a_b", "InvalidQueueName"), ("GET", "/queues/a%2Fb", "InvalidQueueName"),
            ("GET", "/queues/%00", "InvalidQueueName"), ("GET", "/queues/-a/messages", "InvalidQueueName"),
            ("PUT", "/queues//messages", "QueueNameLengthError"),
            ("PUT", "/queues/" + String(repeating: "q", count: 121), "QueueNameLengthError"),
            ("GET", "/queues/q/messages?numOfMessages=0", "InvalidArgument"),
            ("GET", "/queues/q/messages?numOfMessages=17", "InvalidArgument"),
            ("GET", "/queues/q/messages?numOfMessages=x", "InvalidArgument"),
            ("GET", "/queues/q/messages?waitseconds=31", "InvalidArgument"),
            ("GET", "/queues/q/messages?waitseconds=-1", "InvalidArgument"),
            ("GET", "/queues/q/messages?waitseconds=1&WAITSECONDS=2", "InvalidQueryString"),
            ("DELETE", "/queues/q/messages?ReceiptHandle=%FF", "InvalidQueryString"),
            ("PUT", "/queues/q/messages", "MissingReceiptHandle"),
            ("PUT", "/queues/q/messages?VisibilityTimeout=1", "MissingReceiptHandle"),
            ("PUT", "/queues/q/messages?ReceiptHandle=h", "MissingVisibilityTimeout"),
            ("PUT", "/queues/q/messages?ReceiptHandle=h&VisibilityTimeout=0", "InvalidArgument"),
            ("PUT", "/queues/q/messages?ReceiptHandle=h&VisibilityTimeout=43201", "InvalidArgument"),
            ("PUT", "/queues/q/messages?ReceiptHandle=h&VisibilityTimeout=1e3", "InvalidArgument"),
        ])
    func refused(_ method: String, _ target: String, _ code: String) {
        let error = #expect(throws: MNSError.self) { try MNSRouter.route(method: method, target: target) }
        #expect(error?.code.name == code)
        #expect(error?.message.hasSuffix(".") == true)
    }

    @Test(
        "what lies beyond queues says so in every method",
        arguments: [
            "/topics", "/topics/t", "/topics/t/messages", "/topics/t/subscriptions/s", "/commonbuy/openservice",
            "/?accountmeta=true", "/?AccountMeta=true",
        ])
    func unsupported(_ target: String) {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let error = #expect(throws: MNSError.self) { try MNSRouter.route(method: method, target: target) }
            #expect(error?.code == .invalidRequestURL)
            #expect(error?.message.hasSuffix("are not offered here: this server has queues only.") == true)
        }
        #expect(MNSRouter.owns(target: target) == !target.hasPrefix("/?"))
    }

    @Test(
        "other paths belong to others", arguments: ["/", "/?Action=X", "/media/queues", "/queues-x", "", "/queue", "*"])
    func othersPaths(_ target: String) {
        #expect(!MNSRouter.owns(target: target))
    }

    @Test("operations carry the names of the documentation and their queue")
    func names() throws {
        let operation = try MNSRouter.route(method: "DELETE", target: "/queues/q/messages?ReceiptHandle=h")
        #expect(operation.name == "DeleteMessage")
        #expect(operation.queue == "q")
        #expect(MNSOperation.listQueues.name == "ListQueue" && MNSOperation.listQueues.queue == nil)
    }
}
