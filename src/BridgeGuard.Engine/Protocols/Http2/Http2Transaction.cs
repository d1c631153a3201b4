using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dns;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>How far a direction of a stream got; also the names of rule hooks.</summary>
internal static class Http2Progress
{
    public const byte Started = 0;
    public const byte Complete = 1;
}

/// <summary>A stream, or one frame that concerns the whole connection (stream 0).</summary>
/// <remarks>Frames of the connection are complete at once and exist in both directions, as rules have always seen them.</remarks>
internal sealed partial class Http2Transaction : Transaction
{
    public uint StreamId { get; set; }

    /// <summary>One frame on stream 0.</summary>
    public bool IsConnection => StreamId == 0;

    /// <summary>Made by PUSH_PROMISE: there is no request of the client.</summary>
    public bool IsPromised { get; set; }

    public Http2Side Client { get; } = new();

    public Http2Side Server { get; } = new();

    /// <summary>DNS over HTTPS (RFC 8484): the messages, where they could be read.</summary>
    public DnsTransaction? DnsRequest { get; set; }

    public DnsTransaction? DnsResponse { get; set; }

    public override FileList FilesToServer => Client.Files;

    public override FileList FilesToClient => Server.Files;

    public Http2Side Side(Direction direction) => direction == Direction.ToServer ? Client : Server;

    public DnsTransaction? Dns(Direction direction) => direction == Direction.ToServer ? DnsRequest : DnsResponse;

    public bool IsOver => ProgressToServer >= Http2Progress.Complete && ProgressToClient >= Http2Progress.Complete;

    public void SetProgress(Direction direction, byte progress)
    {
        if (direction == Direction.ToServer)
        {
            ProgressToServer = progress;
        }
        else
        {
            ProgressToClient = progress;
        }
    }

    public void Raise(Http2Anomaly anomaly) => Note((int)anomaly);

    public override void OnInspected(Direction direction)
    {
        FileList files = Side(direction).Files;
        for (int i = 0; i < files.Count; i++)
        {
            files[i].MarkInspected();
        }
    }

    public override void Reset()
    {
        base.Reset();
        StreamId = 0;
        IsPromised = false;
        Client.Reset();
        Server.Reset();
        DnsRequest = null;
        DnsResponse = null;
    }
}
