using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>Writes the <c>ssh</c> object: what each side said of itself.</summary>
internal sealed class SshEve : EveLogger
{
    public override string EventType => "ssh";

    public override byte ProgressToServer => SshProgress.Finished;

    public override byte ProgressToClient => SshProgress.Finished;

    /// <summary>Without fingerprints nothing comes behind the banners.</summary>
    public override bool IsDueEarly(Transaction transaction, ProtocolState state) =>
        transaction is SshTransaction { ShowsHassh: false, ProgressToServer: >= SshProgress.BannerDone, ProgressToClient: >= SshProgress.BannerDone };

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var ssh = (SshTransaction)transaction;
        if (!ssh.Client.HasBanner && !ssh.Server.HasBanner)
        {
            return false;
        }

        writer.StartObject("ssh"u8);
        WritePeer(writer, "client"u8, ssh, ssh.Client);
        WritePeer(writer, "server"u8, ssh, ssh.Server);
        writer.EndObject();
        return true;
    }

    private static void WritePeer(EveWriter writer, ReadOnlySpan<byte> name, SshTransaction ssh, SshTransaction.Peer peer)
    {
        if (!peer.HasBanner)
        {
            return;
        }

        writer.StartObject(name);
        writer.Bytes("proto_version"u8, peer.ProtoVersion);
        if (!peer.SoftwareVersion.IsEmpty)
        {
            writer.Bytes("software_version"u8, peer.SoftwareVersion);
        }

        if (peer.HasHassh && ssh.ShowsHassh)
        {
            writer.StartObject("hassh"u8);
            writer.Text("hash"u8, peer.HasshHash);
            writer.Bytes("string"u8, peer.HasshString);
            writer.EndObject();
        }

        writer.EndObject();
    }
}
