import MNSWire
import Testing

@Suite("Documents about queues")
struct QueueDocumentTests {
    private let all = MNSQueueAttributes(
        delaySeconds: 1, maximumMessageSize: 2048, messageRetentionPeriod: 86_400, visibilityTimeout: 60,
        pollingWaitSeconds: 30, loggingEnabled: true)

    @Test("attributes are written in the client's form, absent ones not at all")
    func attributesOut() {
        #expect(text(MNSQueueAttributes().encoded()) == request("Queue", ""))
        #expect(
            text(MNSQueueAttributes(visibilityTimeout: 60).encoded())
                == request("Queue", "<VisibilityTimeout>60</VisibilityTimeout>"))
        let elements = """
            <DelaySeconds>1</DelaySeconds><MaximumMessageSize>2048</MaximumMessageSize>\
            <MessageRetentionPeriod>86400</MessageRetentionPeriod><VisibilityTimeout>60</VisibilityTimeout>\
            <PollingWaitSeconds>30</PollingWaitSeconds><LoggingEnabled>True</LoggingEnabled>
            """
        #expect(text(all.encoded()) == request("Queue", elements))
    }

    @Test("attributes are read from any order, with unknown elements, and come back as written")
    func attributesIn() throws {
        #expect(try MNSQueueAttributes(decoding: all.encoded()) == all)
        #expect(try MNSQueueAttributes(decoding: []) == MNSQueueAttributes())
        for empty in ["<Queue/>", "<Queue></Queue>", "<Queue> <New>1</New> </Queue>"] {
            #expect(try MNSQueueAttributes(decoding: Array(empty.utf8)) == MNSQueueAttributes())
        }
        let document = """
            <Queue xmlns="x"><LoggingEnabled>false</LoggingEnabled><PollingWaitSeconds> 5 </PollingWaitSeconds>\
            <QueueName>ignored</QueueName><DelaySeconds>-1</DelaySeconds></Queue>
            """
        let read = try MNSQueueAttributes(decoding: Array(document.utf8))
        #expect(read == MNSQueueAttributes(delaySeconds: -1, pollingWaitSeconds: 5, loggingEnabled: false))
    }

    @Test(
        "an attribute of another form is refused with its name and what is allowed",
        arguments: [
            ("<DelaySeconds>x</DelaySeconds>", "DelaySeconds must be a whole number of seconds from 0 to 604800."),
            ("<DelaySeconds/>", "DelaySeconds must be a whole number of seconds from 0 to 604800."),
            (
                "<MaximumMessageSize>1.5</MaximumMessageSize>",
                "MaximumMessageSize must be a whole number of bytes from 1024 to 65536."
            ),
            (
                "<MessageRetentionPeriod>99999999999999999999</MessageRetentionPeriod>",
                "MessageRetentionPeriod must be a whole number of seconds from 60 to 1296000."
            ),
            (
                "<VisibilityTimeout>0x10</VisibilityTimeout>",
                "VisibilityTimeout must be a whole number of seconds from 1 to 43200."
            ),
            (
                "<PollingWaitSeconds>1 0</PollingWaitSeconds>",
                "PollingWaitSeconds must be a whole number of seconds from 0 to 30."
            ),
            ("<LoggingEnabled>yes</LoggingEnabled>", "LoggingEnabled must be True or False."),
            ("<DelaySeconds><b/></DelaySeconds>", "DelaySeconds must hold text, not elements."),
            ("<DelaySeconds>1</DelaySeconds><DelaySeconds>1</DelaySeconds>", "DelaySeconds must not occur twice."),
        ])
    func attributeForms(_ element: String, _ message: String) {
        let error = #expect(throws: MNSError.self) {
            try MNSQueueAttributes(decoding: Array("<Queue>\(element)</Queue>".utf8))
        }
        #expect(error == MNSError(.invalidArgument, message))
    }

    @Test(
        "each range holds both of its ends and nothing beyond",
        arguments: [
            ("DelaySeconds", 0...604_800), ("MaximumMessageSize", 1024...65_536),
            ("MessageRetentionPeriod", 60...1_296_000), ("VisibilityTimeout", 1...43_200),
            ("PollingWaitSeconds", 0...30),
        ])
    func ranges(_ name: String, _ range: ClosedRange<Int>) throws {
        func check(_ value: Int) throws -> MNSError? {
            let attributes = try MNSQueueAttributes(decoding: Array("<Queue><\(name)>\(value)</\(name)></Queue>".utf8))
            do throws(MNSError) {
                try attributes.checkRanges()
                return nil
            } catch {
                return error
            }
        }
        #expect(try check(range.lowerBound) == nil && check(range.upperBound) == nil)
        #expect(try check(range.lowerBound - 1)?.message.hasPrefix("\(name) must be ") == true)
        #expect(try check(range.upperBound + 1)?.message.hasSuffix("not \(range.upperBound + 1).") == true)
    }

    @Test("the defaults are in their ranges, and fill what is absent only")
    func defaults() throws {
        try MNSQueueAttributes.defaults.checkRanges()
        let filled = MNSQueueAttributes(visibilityTimeout: 60).filled(from: .defaults)
        #expect(filled.visibilityTimeout == 60)
        #expect(filled.messageRetentionPeriod == 345_600)
        #expect(all.filled(from: .defaults) == all)
    }

    private let description = MNSQueueDescription(
        name: "demo", attributes: MNSQueueAttributes(visibilityTimeout: 60), createTime: 1_751_356_800,
        lastModifyTime: 1_751_356_801, activeMessages: 1, inactiveMessages: 2, delayMessages: 3)

    private let twelve = """
        <QueueName>demo</QueueName><CreateTime>1751356800</CreateTime><LastModifyTime>1751356801</LastModifyTime>\
        <DelaySeconds>0</DelaySeconds><MaximumMessageSize>65536</MaximumMessageSize>\
        <MessageRetentionPeriod>345600</MessageRetentionPeriod><VisibilityTimeout>60</VisibilityTimeout>\
        <PollingWaitSeconds>0</PollingWaitSeconds><LoggingEnabled>False</LoggingEnabled>\
        <ActiveMessages>1</ActiveMessages><InactiveMessages>2</InactiveMessages><DelayMessages>3</DelayMessages>
        """

    @Test("a description always has all twelve elements")
    func descriptionOut() throws {
        #expect(text(description.encoded()) == answer("Queue", twelve))
        let read = try MNSQueueDescription(decoding: description.encoded())
        #expect(read.attributes == description.attributes.filled(from: .defaults))
        #expect(read.delayMessages == 3 && read.createTime == 1_751_356_800)
    }

    @Test("a description without counts and times is read with zeros, without a name not at all")
    func descriptionIn() throws {
        let read = try MNSQueueDescription(decoding: Array(answer("Queue", "<QueueName>q</QueueName>").utf8))
        #expect(
            read == MNSQueueDescription(name: "q", attributes: MNSQueueAttributes(), createTime: 0, lastModifyTime: 0))
        #expect(throws: MNSError(.invalidArgument, "QueueName is required and must not be empty.")) {
            try MNSQueueDescription(decoding: Array(answer("Queue", "").utf8))
        }
        #expect(throws: MNSError(.invalidArgument, "CreateTime must be a whole number.")) {
            let document = answer("Queue", "<QueueName>q</QueueName><CreateTime>1e9</CreateTime>")
            return try MNSQueueDescription(decoding: Array(document.utf8))
        }
    }

    @Test("a list has addresses and names, all attributes when asked, and a marker only when there is more")
    func lists() throws {
        #expect(text(MNSQueueList(entries: []).encoded()) == answer("Queues", ""))
        #expect(text(MNSQueueList(entries: [], nextMarker: "").encoded()) == answer("Queues", ""))
        let plain = MNSQueueList(
            entries: [.init(url: "http://h/queues/a", name: "a"), .init(url: "http://h/queues/b", name: "b")],
            nextMarker: "m&1")
        let entries = ["a", "b"].map {
            "<Queue><QueueURL>http://h/queues/\($0)</QueueURL><QueueName>\($0)</QueueName></Queue>"
        }
        #expect(text(plain.encoded()) == answer("Queues", entries.joined() + "<NextMarker>m&amp;1</NextMarker>"))
        #expect(try MNSQueueList(decoding: plain.encoded()) == plain)

        let entry = MNSQueueList.Entry(url: "http://h/queues/demo", name: "demo", description: description)
        let document = MNSQueueList(entries: [entry]).encoded()
        #expect(
            text(document) == answer("Queues", "<Queue><QueueURL>http://h/queues/demo</QueueURL>\(twelve)</Queue>"))
        let read = try MNSQueueList(decoding: document)
        #expect(read.entries.first?.description?.activeMessages == 1)
        #expect(read.nextMarker == nil)
    }

    @Test("a list without names takes them from the addresses, and an empty marker is none")
    func tolerantList() throws {
        let document = answer("Queues", "<Queue><QueueURL>http://h/queues/q-1</QueueURL></Queue><NextMarker/>")
        let read = try MNSQueueList(decoding: Array(document.utf8))
        #expect(read == MNSQueueList(entries: [.init(url: "http://h/queues/q-1", name: "q-1")]))
    }

    @Test("a page of a thousand queues with all attributes is within the limits of a reader")
    func largestList() throws {
        let entries = (0..<1000).map { number in
            let name = String(repeating: "q", count: 116) + String(1000 + number)
            return MNSQueueList.Entry(
                url: "https://1000000000000001.mns.cn-shanghai.example.com/queues/\(name)", name: name,
                description: MNSQueueDescription(name: name, createTime: .max, lastModifyTime: .max))
        }
        #expect(
            try MNSQueueList(decoding: MNSQueueList(entries: entries, nextMarker: "x").encoded()).entries.count == 1000)
    }

    @Test(
        "options of a list come from its headers and go back into them",
        arguments: [
            ([], MNSListOptions()),
            (
                [
                    ("X-Mns-Prefix", " demo "), ("x-mns-marker", "abc"), ("x-mns-ret-number", "10"),
                    ("X-MNS-WITH-META", "True"),
                ],
                MNSListOptions(prefix: "demo", marker: "abc", pageSize: 10, withMetadata: true)
            ),
            ([("x-mns-marker", ""), ("x-mns-with-meta", "false"), ("x-mns-prefix", "")], MNSListOptions()),
        ] as [([(String, String)], MNSListOptions)])
    func listOptions(_ headers: [(String, String)], _ options: MNSListOptions) throws {
        #expect(try MNSListOptions(headers: headers.map { (name: $0.0, value: $0.1) }) == options)
        #expect(try MNSListOptions(headers: options.headers) == options)
    }

    @Test(
        "an option of a list that breaks a rule is refused by name",
        arguments: [
            ("x-mns-ret-number", "0"), ("x-mns-ret-number", "1001"), ("x-mns-ret-number", "ten"),
            ("x-mns-with-meta", "maybe"),
        ])
    func badListOptions(_ name: String, _ value: String) {
        let error = #expect(throws: MNSError.self) { try MNSListOptions(headers: [(name, value)]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix("\(name) must be ") == true)
    }

    @Test(
        "a queue's name has letters, digits and hyphens, 1 to 120",
        arguments: [
            ("a", nil), ("0a-B", nil), (String(repeating: "q", count: 120), nil), ("", .queueNameLengthError),
            (String(repeating: "q", count: 121), .queueNameLengthError), ("-a", .invalidQueueName),
            ("a_b", .invalidQueueName), ("a.b", .invalidQueueName), ("a b", .invalidQueueName),
            ("é", .invalidQueueName),
            ("a/b", .invalidQueueName), ("a\0", .invalidQueueName),
        ] as [(String, MNSErrorCode?)])
    func queueNames(_ name: String, _ code: MNSErrorCode?) {
        do throws(MNSError) {
            try MNSLimits.checkQueueName(name)
            #expect(code == nil)
        } catch {
            #expect(error.code == code)
        }
    }
}
