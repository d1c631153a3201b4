using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>How far a direction of an exchange got; also the names of rule hooks.</summary>
internal static class Http1Progress
{
    public const byte Started = 0;

    /// <summary>The first line is there, and nothing but it (HTTP/0.9).</summary>
    public const byte Line = 1;

    /// <summary>Header fields are coming in: those that are there can be seen one by one, what is made of all of them only behind this step.</summary>
    public const byte Headers = 2;

    /// <summary>The body is coming in.</summary>
    public const byte Body = 3;

    /// <summary>The body is there.</summary>
    public const byte Trailer = 4;
    public const byte Complete = 5;
}

/// <summary>A request and its response.</summary>
internal sealed partial class Http1Transaction : Transaction
{
    public Http1Message Request { get; } = new();

    public Http1Message Response { get; } = new();

    /// <summary>The status code; 0 when it cannot be read.</summary>
    public int Status { get; set; }

    /// <summary>The response has no request: it was not seen.</summary>
    public bool IsRequestUnseen { get; set; }

    public bool IsConnect { get; set; }

    /// <summary>The URI is a stand-in.</summary>
    public bool IsUriUnseen { get; set; }

    public bool SawContinue { get; set; }

    /// <summary>The normalised URI, and how much of it is the path.</summary>
    public ByteBuffer Uri { get; } = new();

    public int UriPathLength { get; set; }

    /// <summary>Host of the URI or the Host field as written, without port; where it was found.</summary>
    public ByteBuffer HostRaw { get; } = new();

    /// <summary>The same in lower case.</summary>
    public ByteBuffer Host { get; } = new();

    public bool HasHost { get; set; }

    /// <summary>The port in the URI's authority or the Host field, 0: none.</summary>
    public ushort Port { get; set; }

    public override FileList FilesToServer => Request.Files;

    public override FileList FilesToClient => Response.Files;

    public Http1Message Message(bool toServer) => toServer ? Request : Response;

    public void Raise(Http1Anomaly anomaly) => Note((int)anomaly);

    public void Raise(bool toServer, Http1Anomaly ofRequest, Http1Anomaly ofResponse) => Note((int)(toServer ? ofRequest : ofResponse));

    /// <summary>Sets host and port, once.</summary>
    /// <param name="raw">As written, with the port where there is one.</param>
    /// <param name="name">Without port.</param>
    /// <param name="port">0: none.</param>
    public void SetHost(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name, ushort port)
    {
        HasHost = true;
        Port = port;
        HostRaw.Append(raw);
        Lower(name, Host.Reserve(name.Length));
        Host.Commit(name.Length);
    }

    /// <summary>A host out of the URI is shown in lower case in its raw form too.</summary>
    public void LowerHostRaw()
    {
        Span<byte> raw = HostRaw.Writable(new Slice(0, HostRaw.Length));
        Lower(raw, raw);
    }

    private static void Lower(ReadOnlySpan<byte> text, Span<byte> lower)
    {
        for (int i = 0; i < text.Length; i++)
        {
            lower[i] = Http1Text.Lower(text[i]);
        }
    }

    public override void OnInspected(Direction direction)
    {
        Http1Message message = Message(direction == Direction.ToServer);
        message.Body.MarkInspected();
        for (int i = 0; i < message.Files.Count; i++)
        {
            message.Files[i].MarkInspected();
        }
    }

    public override void Reset()
    {
        base.Reset();
        Request.Reset();
        Response.Reset();
        Status = 0;
        IsRequestUnseen = false;
        IsConnect = false;
        IsUriUnseen = false;
        SawContinue = false;
        Uri.Reset();
        UriPathLength = 0;
        HostRaw.Reset();
        Host.Reset();
        HasHost = false;
        Port = 0;
        ResetDerived();
    }
}
