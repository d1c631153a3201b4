using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum SmbBuffer
{
    StubData,
    NamedPipe,
    Share,
    NtlmUser,
    NtlmDomain,
}

/// <summary>The texts that rules may look at.</summary>
internal static class SmbBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        DceRpcBuffers.Stub((int)SmbBuffer.StubData),
        New("smb.named_pipe", "smb_named_pipe", SmbBuffer.NamedPipe, "the tree that is connected, when it holds named pipes"),
        New("smb.share", "smb_share", SmbBuffer.Share, "the tree that is connected, when it is a share"),
        New("smb.ntlmssp_user", null, SmbBuffer.NtlmUser, "the user that authenticates with NTLMSSP"),
        New("smb.ntlmssp_domain", null, SmbBuffer.NtlmDomain, "its domain"),
    ];

    private static BufferDescriptor New(string name, string? alias, SmbBuffer id, string help) => new()
    {
        Name = name,
        Aliases = alias is null ? [] : [alias],
        LocalId = (int)id,
        Directions = DirectionMask.ToServer,
        Help = help,
    };
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class SmbTransaction
{
    /// <summary>Without a file its contents are not absent but no question, as in Suricata; its name and type are asked for with requests.</summary>
    public override bool CanHave(int buffer, Direction direction) => buffer switch
    {
        FileBuffers.Data => false,
        FileBuffers.Name or FileBuffers.Magic => direction == Direction.ToServer,
        _ => true,
    };

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        switch ((SmbBuffer)buffer)
        {
            case SmbBuffer.StubData:
                return DceRpcBuffers.TryGetStub(DceRpc, direction, out view);
            case SmbBuffer.NamedPipe when Kind == SmbKind.TreeConnect && ShareType == SmbShareType.Pipe:
            case SmbBuffer.Share when Kind == SmbKind.TreeConnect && ShareType != SmbShareType.Pipe:
                view = new BufferView(Text[Name]);
                return Name.Exists;
            case SmbBuffer.NtlmUser when Authentication.HasNtlm:
                view = new BufferView(Authentication.Text[Authentication.User]);
                return true;
            case SmbBuffer.NtlmDomain when Authentication.HasNtlm:
                view = new BufferView(Authentication.Text[Authentication.Domain]);
                return true;
            default:
                return false;
        }
    }
}
