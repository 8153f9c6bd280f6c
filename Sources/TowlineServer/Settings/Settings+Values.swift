import TowlineOutbound

extension Settings {
    /// Makes settings of values, with the defaults that follow from others.
    ///
    /// - Throws: ``SettingsError`` with code `conflict` for values that do not go together.
    init(_ values: SettingsValues, mode: Mode, host: SettingsLoader.Host) throws(SettingsError) {
        let data = Self.dataFolder(values, host)
        self.init(
            mode: mode,
            api: try API(values),
            admin: Admin(
                listen: values.listen("admin.listen"),
                token: values.text("admin.token").map { Secret($0) },
                readyTimeout: values.duration("admin.ready-timeout-seconds")),
            data: data,
            secretsKeyFile: values.text("secrets.key-file") ?? data.path + "/secret.key",
            store: Self.store(values) ?? .sqlite(path: data.path + "/towline.db"),
            storeConnections: values.integer("store.connections"),
            objects: Self.objects(values) ?? .folder(path: data.path + "/media"),
            objectsKey: try Self.objectsKey(values) ?? host.objectsKey,
            objectsPartMemoryBytes: values.integer("objects.part-memory-bytes"),
            roles: Set(values.list("roles").compactMap { Role(rawValue: $0) }),
            nodeID: values.text("node.id") ?? Self.nodeID(host),
            shutdownTimeout: values.duration("shutdown.timeout-seconds"),
            lease: values.duration("lease.seconds"),
            pull: Pull(values),
            net: Net(values),
            delivery: Delivery(values),
            queue: try Queue(values),
            limits: Limits(values),
            log: Log(level: values.choice("log.level"), format: values.choice("log.format"))
        )
        try checkListeners()
        if case .bucket = objects, objectsKey == nil {
            throw SettingsError(
                .conflict, key: "objects.access-key-id",
                "objects.access-key-id and objects.access-key-secret, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, must "
                    + "be set when objects.url is a bucket")
        }
    }

    /// Refuses an admin listener that anybody could use, and two listeners at one address.
    private func checkListeners() throws(SettingsError) {
        if !admin.listen.isLoopback, admin.token == nil {
            throw SettingsError(
                .conflict, key: "admin.token",
                "admin.token must be set when admin.listen (\(admin.listen)) is not a loopback address")
        }
        if admin.listen == api.listen, api.listen.port != 0 {
            throw SettingsError(
                .conflict, key: "admin.listen", "admin.listen and api.listen are both \(api.listen) but must differ")
        }
    }

    private static func dataFolder(_ values: SettingsValues, _ host: SettingsLoader.Host) -> DataFolder {
        guard var path = values.text("data.dir") else {
            return DataFolder(path: "\(host.temporaryFolder)/towline-dev-\(host.random())", isTemporary: true)
        }
        while path.hasSuffix("/"), path.count > 1 { path.removeLast() }
        return DataFolder(path: path, isTemporary: false)
    }

    private static func store(_ values: SettingsValues) -> Store? {
        guard case .store(let store) = values["store.url"] else { return nil }
        return store
    }

    private static func objects(_ values: SettingsValues) -> Objects? {
        guard case .objects(let objects) = values["objects.url"] else { return nil }
        return objects
    }

    /// The two settings go together.
    private static func objectsKey(_ values: SettingsValues) throws(SettingsError) -> ObjectsKey? {
        switch (values.text("objects.access-key-id"), values.text("objects.access-key-secret")) {
        case (nil, nil): return nil
        case (let id?, let secret?): return ObjectsKey(id: id, secret: Secret(secret))
        case (let id, _):
            let (missing, present) = id == nil ? ("id", "secret") : ("secret", "id")
            throw SettingsError(
                .conflict, key: "objects.access-key-\(missing)",
                "objects.access-key-\(missing) must be set when objects.access-key-\(present) is")
        }
    }

    /// The host name as far as a node's name may hold it, and a random part.
    private static func nodeID(_ host: SettingsLoader.Host) -> String {
        let name = host.name.utf8.filter(SettingsKind.isNameByte).prefix(47)
        return (name.isEmpty ? "node" : String(decoding: name, as: UTF8.self)) + "-" + host.random()
    }
}

extension Settings.API {
    fileprivate init(_ values: SettingsValues) throws(SettingsError) {
        self.init(
            listen: values.listen("api.listen"),
            publicURL: values.text("api.public-url"),
            tls: try Self.tls(values),
            maxTargetBytes: values.integer("api.max-target-bytes"),
            maxBodyBytes: values.integer("api.max-body-bytes"),
            requestTimeout: values.duration("api.request-timeout-seconds"),
            idleTimeout: values.duration("api.idle-timeout-seconds"))
    }

    private static func tls(_ values: SettingsValues) throws(SettingsError) -> TLS? {
        switch (values.text("api.tls-certificate"), values.text("api.tls-key")) {
        case (nil, nil):
            return nil
        case (let certificate?, let key?):
            return TLS(certificateFile: certificate, keyFile: key)
        case (let certificate, _):
            let (missing, present) = certificate == nil ? ("certificate", "key") : ("key", "certificate")
            throw SettingsError(
                .conflict, key: "api.tls-\(missing)", "api.tls-\(missing) must be set when api.tls-\(present) is")
        }
    }
}

extension Settings.Pull {
    fileprivate init(_ values: SettingsValues) {
        self.init(
            concurrency: values.integer("pull.concurrency"),
            perOrigin: values.integer("pull.per-origin"),
            perAccount: values.integer("pull.per-account"),
            perOriginPerSecond: values.number("pull.per-origin-per-second"),
            maxRetryAfter: values.duration("pull.max-retry-after-seconds"),
            maxBytesPerSecond: values.integer("pull.max-bytes-per-second"),
            transferMaxBytesPerSecond: values.integer("pull.transfer-max-bytes-per-second"),
            expireWaiting: values.duration("pull.expire-waiting-seconds"),
            maxConnections: values.integer("pull.max-connections"),
            maxBytes: values.integer("pull.max-bytes"),
            attempts: values.integer("pull.retries"),
            connectTimeout: values.duration("pull.connect-timeout-seconds"),
            firstByteTimeout: values.duration("pull.first-byte-timeout-seconds"),
            idleTimeout: values.duration("pull.idle-timeout-seconds"),
            dnsTimeout: values.duration("pull.dns-timeout-seconds"),
            minBytesPerSecond: values.integer("pull.min-bytes-per-second"),
            maxRedirects: values.integer("pull.max-redirects"),
            totalTimeout: values.duration("pull.total-timeout-seconds"),
            smallObjectBytes: values.integer("pull.small-object-bytes"),
            checkpointBytes: values.integer("pull.checkpoint-bytes"),
            checkpointTime: values.duration("pull.checkpoint-seconds"),
            readBufferBytes: values.integer("pull.read-buffer-bytes"))
    }
}

extension Settings.Net {
    fileprivate init(_ values: SettingsValues) {
        var dnsServers: [Settings.HostPort] = []
        if case .servers(let servers) = values["net.dns-servers"] { dnsServers = servers }
        self.init(
            sourceAllow: values.networks("net.source.allow"),
            callbackAllow: values.networks("net.callback.allow"),
            deny: values.networks("net.deny"),
            dnsServers: dnsServers,
            caFile: values.text("net.ca-file"),
            sourceHeadersFile: values.text("net.source-headers-file"),
            proxy: Self.proxy(values),
            noProxy: values.list("net.no-proxy").compactMap(OutboundProxy.Exception.init))
    }

    private static func proxy(_ values: SettingsValues) -> OutboundProxy? {
        guard case .proxy(let proxy) = values["net.proxy"] else { return nil }
        return proxy
    }
}

extension Settings.Delivery {
    fileprivate init(_ values: SettingsValues) {
        self.init(
            policy: values.choice("delivery.policy"),
            timeout: values.duration("delivery.timeout-seconds"),
            concurrency: values.integer("delivery.concurrency"),
            perEndpoint: values.integer("delivery.per-endpoint"),
            perEndpointPerSecond: values.integer("delivery.per-endpoint-per-second"),
            schedule: values.durations("delivery.schedule"),
            maxRetryAfter: values.duration("delivery.max-retry-after-seconds"),
            answerTimeout: values.duration("delivery.answer-timeout-seconds"),
            breakerFailures: values.integer("delivery.breaker-failures"),
            breakerPause: values.duration("delivery.breaker-pause-seconds"),
            breakerMaxPause: values.duration("delivery.breaker-max-pause-seconds"),
            disableAfter: .seconds(values.integer("delivery.disable-after-hours") * 3600),
            logRetention: .seconds(values.integer("delivery.log-retention-days") * 86_400))
    }
}

extension Settings.Queue {
    fileprivate init(_ values: SettingsValues) throws(SettingsError) {
        self.init(
            bodyEncoding: values.choice("queue.body-encoding"),
            createsMissing: values.flag("queue.create-missing"),
            maxWaitingReceives: values.integer("queue.max-waiting-receives"),
            remoteKey: try Self.remoteKey(values))
    }

    /// The three settings go together.
    private static func remoteKey(_ values: SettingsValues) throws(SettingsError) -> RemoteKey? {
        let names = ["endpoint", "access-key-id", "access-key-secret"].map { "queue.remote-\($0)" }
        let set = names.compactMap { values.text($0) }
        guard !set.isEmpty else { return nil }
        guard set.count == names.count else {
            let missing = names.first { values.text($0) == nil } ?? ""
            let present = names.first { values.text($0) != nil } ?? ""
            throw SettingsError(.conflict, key: missing, "\(missing) must be set when \(present) is")
        }
        return RemoteKey(endpoint: set[0], id: set[1], secret: Settings.Secret(set[2]))
    }
}

extension Settings.Limits {
    fileprivate init(_ values: SettingsValues) {
        self.init(
            uploadMediaByURL: values.integer("limits.upload-media-by-url-per-second"),
            getURLUploadInfos: values.integer("limits.get-url-upload-infos-per-second"),
            cancelURLUploadJobs: values.integer("limits.cancel-url-upload-jobs-per-second"),
            setMessageCallback: values.integer("limits.set-message-callback-per-second"),
            getMessageCallback: values.integer("limits.get-message-callback-per-second"),
            deleteMessageCallback: values.integer("limits.delete-message-callback-per-second"))
    }
}
