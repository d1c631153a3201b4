namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Frames of SIP; the value is the index into <see cref="Names"/>. A response's stand one behind a request's.</summary>
internal static class SipFrames
{
    public static readonly string[] Names =
        ["pdu", "request.line", "response.line", "request.headers", "response.headers", "request.body", "response.body"];

    public const int Pdu = 0;
    public const int Line = 1;
    public const int Headers = 3;
    public const int Body = 5;
}
