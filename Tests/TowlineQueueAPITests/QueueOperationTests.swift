import Testing
import TowlineTesting

@Suite("Queue API: operations on queues", .timeLimit(.minutes(5)))
struct QueueOperationTests {
    @Test("a queue is created, found again, and refused with other attributes")
    func create() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let made = try await mns.call(
                "PUT", "/queues/orders", "<Queue><VisibilityTimeout>60</VisibilityTimeout></Queue>")
            #expect(made.status == 201)
            #expect(made.body.isEmpty)
            #expect(
                made.headers.map { "\($0.name): \($0.value)" } == [
                    "x-mns-request-id: \(QueueFixture.requestID)", "x-mns-version: 2015-06-06",
                    "Location: http://mns.example.com:8787/queues/orders", "Content-Length: 0",
                ])
            for same in ["", "<Queue></Queue>", "<Queue><VisibilityTimeout>60</VisibilityTimeout></Queue>"] {
                let answer = try await mns.call("PUT", "/queues/orders", same)
                #expect(answer.status == 204)
                #expect(answer["Location"] == "http://mns.example.com:8787/queues/orders")
                #expect(answer["Content-Length"] == nil)
            }
            let other = try await mns.call(
                "PUT", "/queues/orders", "<Queue><VisibilityTimeout>61</VisibilityTimeout></Queue>")
            #expect(other.status == 409)
            #expect(other.element("Code") == "QueueAlreadyExist")
            #expect(other.element("Message")?.contains("VisibilityTimeout") == true)
        }
    }

    @Test("a queue shows all twelve elements")
    func attributes() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders", "<LoggingEnabled>true</LoggingEnabled>")
            try await mns.send("a", to: "orders")
            try await mns.send("b", to: "orders")
            try await mns.send("c", to: "orders", "<DelaySeconds>9</DelaySeconds>")
            _ = try await mns.receive(from: "orders")
            fixture.clock.advance(by: .seconds(5))
            let set = try await mns.call(
                "PUT", "/queues/orders?metaoverride=true",
                "<Queue><MaximumMessageSize>2048</MaximumMessageSize></Queue>")
            #expect(set.status == 204)
            let answer = try await mns.call("GET", "/queues/orders")
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "text/xml;charset=utf-8")
            #expect(
                answer.body == """
                    <?xml version="1.0"?>
                    <Queue xmlns="http://mns.aliyuncs.com/doc/v1"><QueueName>orders</QueueName>\
                    <CreateTime>1751356800</CreateTime><LastModifyTime>1751356805</LastModifyTime>\
                    <DelaySeconds>0</DelaySeconds><MaximumMessageSize>2048</MaximumMessageSize>\
                    <MessageRetentionPeriod>345600</MessageRetentionPeriod>\
                    <VisibilityTimeout>30</VisibilityTimeout><PollingWaitSeconds>0</PollingWaitSeconds>\
                    <LoggingEnabled>True</LoggingEnabled><ActiveMessages>1</ActiveMessages>\
                    <InactiveMessages>1</InactiveMessages><DelayMessages>1</DelayMessages></Queue>
                    """)
        }
    }

    @Test("metaoverride counts in any case, and only when it says true", arguments: ["Metaoverride", "metaOverride"])
    func override(name: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let change = "<Queue><DelaySeconds>7</DelaySeconds></Queue>"
            let missing = try await mns.call("PUT", "/queues/orders?\(name)=true", change)
            #expect(missing.status == 404)
            #expect(missing.element("Code") == "QueueNotExist")
            try await mns.create("orders")
            #expect(try await mns.call("PUT", "/queues/orders?\(name)=true", change).status == 204)
            #expect(try await mns.call("PUT", "/queues/orders?\(name)=false", "<Queue/>").status == 204)
            #expect(try await mns.call("GET", "/queues/orders").element("DelaySeconds") == "7")
        }
    }

    @Test("a deleted queue is gone with its messages, and its name is free")
    func delete() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            try await mns.send("a", to: "orders")
            #expect(try await mns.call("DELETE", "/queues/orders").status == 204)
            for (method, target) in [
                ("GET", "/queues/orders"), ("DELETE", "/queues/orders"), ("GET", "/queues/orders/messages"),
                ("GET", "/queues/orders/messages?peekonly=true"),
                ("DELETE", "/queues/orders/messages?ReceiptHandle=x"),
                ("PUT", "/queues/orders/messages?ReceiptHandle=x&VisibilityTimeout=1"),
            ] {
                let answer = try await mns.call(method, target)
                #expect(answer.status == 404, "\(method) \(target)")
                #expect(answer.element("Code") == "QueueNotExist", "\(method) \(target)")
            }
            try await mns.create("orders")
            #expect(try await mns.call("GET", "/queues/orders/messages").element("Code") == "MessageNotExist")
        }
    }

    @Test("queues are listed page by page, with and without their attributes")
    func list() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let none = try await mns.call("GET", "/queues")
            #expect(none.status == 200)
            #expect(
                none.body == "<?xml version=\"1.0\"?>\n<Queues xmlns=\"http://mns.aliyuncs.com/doc/v1\"></Queues>")
            for name in ["demo-1", "demo-2", "demo-3", "other"] { try await mns.create(name) }
            let first = try await mns.call(
                "GET", "/queues", headers: [("x-mns-prefix", "demo"), ("X-Mns-Ret-Number", "2")])
            #expect(
                first.body == """
                    <?xml version="1.0"?>
                    <Queues xmlns="http://mns.aliyuncs.com/doc/v1">\
                    <Queue><QueueURL>http://mns.example.com:8787/queues/demo-1</QueueURL>\
                    <QueueName>demo-1</QueueName></Queue>\
                    <Queue><QueueURL>http://mns.example.com:8787/queues/demo-2</QueueURL>\
                    <QueueName>demo-2</QueueName></Queue><NextMarker>demo-2</NextMarker></Queues>
                    """)
            let second = try await mns.call(
                "GET", "/queues",
                headers: [
                    ("x-mns-prefix", "demo"), ("x-mns-ret-number", "2"), ("x-mns-marker", "demo-2"),
                    ("x-mns-with-meta", "true"),
                ])
            #expect(second.element("QueueName") == "demo-3")
            #expect(second.element("MessageRetentionPeriod") == "345600")
            #expect(!second.body.contains("NextMarker"))
        }
    }

    @Test("an account sees its own queues only")
    func accounts() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            try await mns.create("orders")
            let other = try await mns.call("GET", "/queues/orders", keyID: "OTHER", secret: "other")
            #expect(other.element("Code") == "QueueNotExist")
            let list = try await mns.call("GET", "/queues", keyID: "OTHER", secret: "other")
            #expect(list.element("QueueName") == nil)
        }
    }

    @Test(
        "what breaks a rule is refused and named",
        arguments: [
            ("PUT", "/queues/orders", "<Queue><PollingWaitSeconds>60</PollingWaitSeconds></Queue>", "InvalidArgument"),
            ("PUT", "/queues/orders", "<Queue><DelaySeconds>-1</DelaySeconds></Queue>", "InvalidArgument"),
            (
                "PUT", "/queues/orders",
                "<Queue><MaximumMessageSize>99999999999999999999</MaximumMessageSize></Queue>", "InvalidArgument"
            ),
            (
                "PUT", "/queues/orders", "<Queue><MessageRetentionPeriod>59</MessageRetentionPeriod></Queue>",
                "InvalidArgument"
            ),
            ("PUT", "/queues/orders", "<Queue><LoggingEnabled>maybe</LoggingEnabled></Queue>", "InvalidArgument"),
            ("PUT", "/queues/orders", "<Message/>", "InvalidArgument"),
            ("PUT", "/queues/orders", "<Queue>", "MalformedXML"),
            ("PUT", "/queues/orders", "<!DOCTYPE q [<!ENTITY a 'b'>]><Queue/>", "MalformedXML"),
            ("PUT", "/queues/-orders", "<Queue/>", "InvalidQueueName"),
            ("PUT", "/queues/or_ders", "<Queue/>", "InvalidQueueName"),
            ("PUT", "/queues/" + String(repeating: "q", count: 121), "<Queue/>", "QueueNameLengthError"),
            ("PUT", "/queues//messages", "", "QueueNameLengthError"),
            ("POST", "/queues/orders", "", "InvalidRequestURL"),
            ("POST", "/queues", "", "InvalidRequestURL"),
            ("GET", "/queues/orders/letters", "", "InvalidRequestURL"),
            ("GET", "/queues/orders/messages/1", "", "InvalidRequestURL"),
            ("PATCH", "/queues/orders/messages", "", "InvalidRequestURL"),
            ("GET", "/topics", "", "InvalidRequestURL"),
            ("PUT", "/topics/t/subscriptions/s", "", "InvalidRequestURL"),
            ("POST", "/commonbuy/openservice", "", "InvalidRequestURL"),
            ("GET", "/?accountmeta=true", "", "InvalidRequestURL"),
            ("GET", "/elsewhere", "", "InvalidRequestURL"),
            ("GET", "/queues/orders/messages?waitseconds=31", "", "InvalidArgument"),
            ("GET", "/queues/orders/messages?waitseconds=-1", "", "InvalidArgument"),
            ("GET", "/queues/orders/messages?numOfMessages=0", "", "InvalidArgument"),
            ("GET", "/queues/orders/messages?numOfMessages=17", "", "InvalidArgument"),
            ("GET", "/queues/orders/messages?numOfMessages=two", "", "InvalidArgument"),
            ("GET", "/queues/orders/messages?waitseconds=1&WaitSeconds=2", "", "InvalidQueryString"),
            ("PUT", "/queues/orders/messages", "", "MissingReceiptHandle"),
            ("PUT", "/queues/orders/messages?ReceiptHandle=x", "", "MissingVisibilityTimeout"),
            ("PUT", "/queues/orders/messages?ReceiptHandle=x&VisibilityTimeout=0", "", "InvalidArgument"),
            ("PUT", "/queues/orders/messages?ReceiptHandle=x&VisibilityTimeout=43201", "", "InvalidArgument"),
            ("DELETE", "/queues/orders/messages", "", "MissingReceiptHandle"),
        ])
    func refusals(method: String, target: String, body: String, code: String) async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let answer = try await mns.call(method, target, body)
            #expect(answer.status == 400)
            #expect(answer.element("Code") == code)
            #expect(answer.element("Message")?.isEmpty == false)
            #expect(answer.element("RequestId") == QueueFixture.requestID)
            #expect(answer.element("HostId") == "http://mns.example.com:8787")
            #expect(answer.body.contains("<Error xmlns=\"http://mns.aliyuncs.com/doc/v1\">"))
            #expect(answer["Content-Type"] == "text/xml;charset=utf-8")
            #expect(answer["x-mns-request-id"] == QueueFixture.requestID)
        }
    }

    @Test("an answer to HEAD has no body, and the connection goes on")
    func head() async throws {
        let fixture = try await QueueFixture()
        try await fixture.run { listener in
            let mns = try await listener.connect()
            let answer = try await mns.call("HEAD", "/queues")
            #expect(answer.status == 400)
            #expect(answer["x-mns-request-id"] == QueueFixture.requestID)
            #expect(try await mns.call("GET", "/queues").status == 200)
        }
    }
}
