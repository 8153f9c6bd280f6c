import VODSignatures

/// Where the events of an application go (vod-api 4.1 and 4.2).
public struct MessageCallback: Sendable, Hashable {
    /// The application; nil for the default, `app-1000000`.
    public var appID: String?
    /// `HTTP` or `MNS`; kept as the server spells it.
    public var callbackType: String
    /// The address for `HTTP`, at most 256 bytes.
    public var callbackURL: String?
    /// `ALL`, or event types joined by commas; empty switches every event off.
    public var eventTypeList: String
    /// Whether events are signed; ``authKey`` must be there then.
    public var isSigned: Bool
    /// What events are signed with: at most 32 characters with an upper-case letter, a lower-case letter and a digit.
    public var authKey: String?
    /// The address of the queue service for `MNS`; the server's own means its built-in queues.
    public var queueEndpoint: String?
    /// The name of the queue for `MNS`.
    public var queueName: String?

    /// Events that are sent to a web address.
    ///
    /// - Parameters:
    ///   - url: The address, at most 256 bytes.
    ///   - eventTypes: The event types; nil for all of them.
    ///   - authKey: Signs the events; nil leaves them unsigned.
    ///   - appID: The application; nil for the default.
    /// - Returns: What ``VODClient/setMessageCallback(_:)`` takes.
    public static func http(
        url: String, eventTypes: [String]? = nil, authKey: String? = nil, appID: String? = nil
    ) -> MessageCallback {
        MessageCallback(
            appID: appID, callbackType: "HTTP", callbackURL: url,
            eventTypeList: eventTypes?.joined(separator: ",") ?? "ALL", isSigned: authKey != nil, authKey: authKey)
    }

    /// Events that are put into a queue.
    ///
    /// - Parameters:
    ///   - name: The name of the queue.
    ///   - endpoint: The address of the queue service, such as `http://127.0.0.1:8787` for the built-in queues of a
    ///     server there; scheme, host and port, no path.
    ///   - eventTypes: The event types; nil for all of them.
    ///   - appID: The application; nil for the default.
    /// - Returns: What ``VODClient/setMessageCallback(_:)`` takes.
    public static func queue(
        named name: String, endpoint: String, eventTypes: [String]? = nil, appID: String? = nil
    ) -> MessageCallback {
        MessageCallback(
            appID: appID, callbackType: "MNS", eventTypeList: eventTypes?.joined(separator: ",") ?? "ALL",
            isSigned: false, queueEndpoint: endpoint, queueName: name)
    }

    /// The parameters of `SetMessageCallback`; an empty event list is sent, since it has a meaning.
    var parameters: [NameValuePair] {
        let isHTTP = callbackType.uppercased() == "HTTP"
        let pairs: KeyValuePairs<String, String?> = [
            "AppId": appID, "CallbackType": callbackType, "CallbackURL": callbackURL, "EventTypeList": eventTypeList,
            "AuthSwitch": isHTTP ? (isSigned ? "on" : "off") : nil, "AuthKey": isHTTP ? authKey : nil,
            "MnsEndpoint": queueEndpoint, "MnsQueueName": queueName,
        ]
        return pairs.compactMap { name, value in value.map { (name: name, value: $0) } }
    }
}

/// The answer of `GetMessageCallback`: the object is absent or has no type when nothing is set.
struct MessageCallbackAnswer: Decodable {
    let callback: MessageCallback?

    private enum CodingKeys: String, CodingKey {
        case callback = "MessageCallback"
    }

    private enum MemberKeys: String, CodingKey {
        case appID = "AppId"
        case callbackType = "CallbackType"
        case callbackURL = "CallbackURL"
        case eventTypeList = "EventTypeList"
        case authSwitch = "AuthSwitch"
        case authKey = "AuthKey"
        case queueEndpoint = "MnsEndpoint"
        case queueName = "MnsQueueName"
    }

    init(from decoder: any Decoder) throws {
        let answer = try decoder.container(keyedBy: CodingKeys.self)
        guard answer.contains(.callback), try !answer.decodeNil(forKey: .callback) else {
            callback = nil
            return
        }
        let members = try answer.nestedContainer(keyedBy: MemberKeys.self, forKey: .callback)
        guard let type = members.decodeText(forKey: .callbackType) else {
            callback = nil
            return
        }
        callback = MessageCallback(
            appID: members.decodeText(forKey: .appID), callbackType: type,
            callbackURL: members.decodeText(forKey: .callbackURL),
            eventTypeList: members.decodeText(forKey: .eventTypeList) ?? "",
            isSigned: members.decodeText(forKey: .authSwitch)?.lowercased() == "on",
            authKey: members.decodeText(forKey: .authKey),
            queueEndpoint: members.decodeText(forKey: .queueEndpoint),
            queueName: members.decodeText(forKey: .queueName))
    }
}
