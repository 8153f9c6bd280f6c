// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "receiver",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Outside of this repository, depend on Towline by its URL instead.
        .package(name: "towline", path: "../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "receiver",
            dependencies: [
                .product(name: "VODEvents", package: "towline"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ]
        )
    ]
)
