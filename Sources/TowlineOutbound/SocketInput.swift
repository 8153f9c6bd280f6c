import NIOCore

/// Looks at what a socket holds that nobody has read.
enum SocketInput {
    /// `SO_MEMINFO` of Linux: its first number is the memory that unread input takes, an end included.
    private static let memory = ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: 55))

    /// Whether bytes or an end have come that the channel has not told of yet.
    ///
    /// To be called on the channel's event loop. False where the system cannot say.
    static func isPending(in channel: any Channel) -> Bool {
        #if os(Linux)
            guard let held = try? channel.syncOptions?.getOption(memory) else { return false }
            // What is read is wider than that number.
            return UInt32(truncatingIfNeeded: held.littleEndian) > 0
        #else
            return false
        #endif
    }
}
