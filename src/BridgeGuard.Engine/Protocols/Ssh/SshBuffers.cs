namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum SshBuffer
{
    Proto,
    Software,
    HasshHash,
    HasshString,
    ServerHasshHash,
    ServerHasshString,
}

/// <summary>What rules may look at.</summary>
internal static class SshBuffers
{
    /// <summary>Those that are made of the key exchange, as bits.</summary>
    public const ulong Fingerprints = (1 << (int)SshBuffer.HasshHash) | (1 << (int)SshBuffer.HasshString) | (1 << (int)SshBuffer.ServerHasshHash) | (1 << (int)SshBuffer.ServerHasshString);

    public static readonly BufferDescriptor[] All =
    [
        New("ssh.proto", SshBuffer.Proto, DirectionMask.Both, "the protocol version of the banner", ["ssh_proto"]),
        New("ssh.software", SshBuffer.Software, DirectionMask.Both, "the software version of the banner", ["ssh_software"]),
        New("ssh.hassh", SshBuffer.HasshHash, DirectionMask.ToServer, "MD5 of the client's algorithms", ["ssh-hassh"], RequireHash),
        New("ssh.hassh.string", SshBuffer.HasshString, DirectionMask.ToServer, "the client's algorithms", ["ssh-hassh-string"]),
        New("ssh.hassh.server", SshBuffer.ServerHasshHash, DirectionMask.ToClient, "MD5 of the server's algorithms", ["ssh-hassh-server"], RequireHash),
        New("ssh.hassh.server.string", SshBuffer.ServerHasshString, DirectionMask.ToClient, "the server's algorithms", ["ssh-hassh-server-string"]),
    ];

    private static BufferDescriptor New(
        string name, SshBuffer id, DirectionMask directions, string help, string[] aliases, Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        Aliases = aliases,
        LocalId = (int)id,
        Directions = directions,
        ProgressToServer = SshProgress.BannerDone,
        ProgressToClient = SshProgress.BannerDone,
        ValidateContent = validate,
        LowersContents = validate is not null,
        Help = help,
    };

    private static string? RequireHash(ReadOnlyMemory<byte> content, bool isNocase) =>
        content.Length != 32 ? "an MD5 has 32 characters, this content can never match" : null;
}
