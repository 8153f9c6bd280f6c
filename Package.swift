// swift-tools-version: 6.2

import PackageDescription

// Products of other packages, named once.
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let serviceLifecycleTestKit = Target.Dependency.product(
    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "towline",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "VODEvents", targets: ["VODEvents"]),
        .library(name: "TowlineClient", targets: ["TowlineClient"]),
        .executable(name: "towline", targets: ["towline"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // For receivers and callers: usable without the server.
        .target(name: "VODEvents", dependencies: [crypto]),
        .target(name: "VODSignatures", dependencies: [crypto]),
        .target(name: "TowlineClient", dependencies: ["VODSignatures", asyncHTTPClient, nioCore, nioHTTP1]),

        // Values and rules, and the seams to the outside.
        .target(name: "TowlineCore", dependencies: []),
        .target(name: "TowlineQueue", dependencies: ["TowlineCore", crypto]),
        .target(name: "MNSWire", dependencies: ["VODSignatures", crypto]),
        .target(name: "TowlineStore", dependencies: ["TowlineCore", "TowlineQueue", crypto]),
        .target(name: "CTowlineDigest"),
        .target(name: "CTowlineDisk"),
        .target(
            name: "TowlineObjects",
            dependencies: ["CTowlineDigest", "CTowlineDisk", "TowlineCore", crypto, nioCore, nioPosix]
        ),
        .target(
            name: "TowlineOutbound",
            dependencies: [
                "TowlineCore", logging, nioCore, nioPosix, nioHPACK, nioHTTP1, nioHTTP2, nioSSL, nioTLS,
            ]
        ),

        // What stands behind the seams.
        .target(
            name: "TowlineObjectsS3",
            dependencies: [
                "MNSWire", "TowlineCore", "TowlineObjects", "TowlineOutbound", "VODSignatures", crypto, logging,
                nioCore, nioHTTP1,
            ]
        ),
        .target(
            name: "TowlineStoreSQLite",
            dependencies: ["TowlineStore", "TowlineCore", "TowlineQueue", grdb, grdbSQLite, logging]
        ),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "TowlineStorePostgres",
            dependencies: ["CLibPQ", "TowlineStore", "TowlineCore", "TowlineQueue", crypto, logging]
        ),

        // Engines.
        .target(
            name: "TowlineWorker",
            dependencies: [
                "TowlineCore", "TowlineStore", "TowlineObjects", "TowlineOutbound", logging, nioCore, nioHTTP1,
                serviceLifecycle,
            ]
        ),
        .target(
            name: "TowlineDelivery",
            dependencies: [
                "MNSWire", "TowlineCore", "TowlineOutbound", "TowlineQueue", "TowlineStore", "VODEvents",
                "VODSignatures",
                logging, nioCore, nioHTTP1, serviceLifecycle,
            ]
        ),

        // What listens.
        .target(
            name: "TowlineAPI",
            dependencies: [
                "MNSWire", "TowlineCore", "TowlineQueue", "TowlineStore", "VODSignatures", hummingbird, httpTypes,
                logging, nioCore,
            ]
        ),
        .target(
            name: "TowlineQueueAPI",
            dependencies: [
                "MNSWire", "TowlineAPI", "TowlineCore", "TowlineQueue", "TowlineStore", "VODSignatures", crypto,
                hummingbird, httpTypes, logging, nioCore, nioHTTPTypes,
            ]
        ),
        .target(
            name: "TowlineConsole",
            dependencies: [
                "TowlineCore", "TowlineQueue", "TowlineStore", hummingbird, hummingbirdCore, httpTypes, logging,
                nioCore,
            ]
        ),

        // Wiring and commands.
        .target(
            name: "TowlineServer",
            dependencies: [
                "MNSWire", "TowlineAPI", "TowlineConsole", "TowlineCore", "TowlineDelivery", "TowlineObjects",
                "TowlineObjectsS3",
                "TowlineOutbound", "TowlineQueue", "TowlineQueueAPI", "TowlineStore",
                "TowlineStorePostgres", "TowlineStoreSQLite", "TowlineWorker", configuration, hummingbird,
                hummingbirdCore,
                hummingbirdTLS, httpTypes, logging, nioCore, nioHTTPTypes, nioPosix, nioSSL, serviceLifecycle,
                unixSignals,
            ]
        ),
        .target(
            name: "TowlineCommands",
            dependencies: ["TowlineClient", "TowlineCore", "VODSignatures", argumentParser]
        ),
        .executableTarget(
            name: "towline",
            dependencies: [
                "MNSWire", "TowlineClient", "TowlineCommands", "TowlineCore", "TowlineServer", "VODEvents",
                "VODSignatures", argumentParser, hummingbird, httpTypes, logging, nioCore, serviceLifecycle,
            ]
        ),

        // Suites and doubles that more than one test target uses.
        .target(
            name: "TowlineTesting",
            dependencies: [
                "TowlineCore", "TowlineObjects", "TowlineQueue", "TowlineStore", "TowlineStoreSQLite", logging, nioCore,
                nioHTTP1, nioPosix, nioSSL,
            ]
        ),

        .testTarget(name: "VODEventsTests", dependencies: ["VODEvents"]),
        .testTarget(name: "VODSignaturesTests", dependencies: ["VODSignatures"]),
        .testTarget(name: "TowlineCoreTests", dependencies: ["TowlineCore"]),
        .testTarget(name: "TowlineQueueTests", dependencies: ["TowlineCore", "TowlineQueue", "TowlineTesting"]),
        .testTarget(name: "MNSWireTests", dependencies: ["MNSWire", "VODSignatures"]),
        .testTarget(
            name: "TowlineOutboundTests",
            dependencies: [
                "TowlineCore", "TowlineOutbound", "TowlineTesting", logging, nioCore, nioHPACK, nioHTTP1, nioHTTP2,
                nioPosix, nioSSL,
            ]
        ),
        .testTarget(
            name: "TowlineStoreSQLiteTests",
            dependencies: [
                "TowlineCore", "TowlineQueue", "TowlineStore", "TowlineStoreSQLite", "TowlineTesting", grdb, logging,
            ]
        ),
        .testTarget(
            name: "TowlineStorePostgresTests",
            dependencies: [
                "TowlineCore", "TowlineQueue", "TowlineStore", "TowlineStorePostgres", "TowlineStoreSQLite",
                "TowlineTesting", logging,
            ]
        ),
        .testTarget(
            name: "TowlineObjectsTests",
            dependencies: ["CTowlineDigest", "TowlineCore", "TowlineObjects", "TowlineTesting", nioCore, nioPosix]
        ),
        .testTarget(
            name: "TowlineObjectsS3Tests",
            dependencies: [
                "TowlineCore", "TowlineObjects", "TowlineObjectsS3", "TowlineOutbound", "TowlineTesting", crypto,
                logging, nioCore, nioHTTP1, nioPosix,
            ]
        ),
        .testTarget(
            name: "TowlineWorkerTests",
            dependencies: [
                "TowlineCore", "TowlineObjects", "TowlineOutbound", "TowlineStore", "TowlineStoreSQLite",
                "TowlineTesting", "TowlineWorker", crypto, logging, nioCore, nioPosix, serviceLifecycle,
                serviceLifecycleTestKit,
            ]
        ),
        .testTarget(
            name: "TowlineDeliveryTests",
            dependencies: [
                "MNSWire", "TowlineCore", "TowlineDelivery", "TowlineOutbound", "TowlineQueue", "TowlineStore",
                "TowlineStoreSQLite", "TowlineTesting", "VODEvents", "VODSignatures", nioCore, nioHTTP1, nioPosix,
                serviceLifecycle, serviceLifecycleTestKit,
            ]
        ),
        .testTarget(
            name: "TowlineAPITests",
            dependencies: [
                "TowlineAPI", "TowlineCore", "TowlineQueue", "TowlineStore", "TowlineStoreSQLite", "TowlineTesting",
                "VODSignatures", hummingbird, hummingbirdTesting, httpTypes, logging, nioCore,
            ]
        ),
        .testTarget(
            name: "TowlineQueueAPITests",
            dependencies: [
                "MNSWire", "TowlineAPI", "TowlineCore", "TowlineQueue", "TowlineQueueAPI", "TowlineStore",
                "TowlineStoreSQLite", "TowlineTesting", "VODSignatures", hummingbird, hummingbirdTesting, httpTypes,
                logging, nioCore, nioPosix,
            ]
        ),
        .testTarget(
            name: "TowlineConsoleTests",
            dependencies: [
                "TowlineConsole", "TowlineCore", "TowlineQueue", "TowlineStore", "TowlineStoreSQLite", "TowlineTesting",
                hummingbird,
                hummingbirdTesting, httpTypes, logging, nioCore,
            ]
        ),
        .testTarget(name: "TowlineClientTests", dependencies: ["TowlineClient", "VODSignatures"]),
        .testTarget(
            name: "TowlineCommandsTests",
            dependencies: [
                "TowlineClient", "TowlineCommands", "TowlineCore", "VODSignatures", argumentParser, nioCore, nioHTTP1,
                nioPosix,
            ]
        ),
        .testTarget(
            name: "TowlineServerTests",
            dependencies: ["TowlineCore", "TowlineObjectsS3", "TowlineOutbound", "TowlineServer", "TowlineTesting"]),
    ],
    swiftLanguageModes: [.v6]
)

// One place for what every target of ours is built with.
for target in package.targets where target.type != .system {
    var settings = target.swiftSettings ?? []
    settings += [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ]
    target.swiftSettings = settings
}
