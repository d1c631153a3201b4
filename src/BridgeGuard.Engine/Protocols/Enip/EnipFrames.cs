namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Frames of EtherNet/IP; the value is the index into <see cref="Names"/>.</summary>
internal static class EnipFrames
{
    public static readonly string[] Names = ["hdr", "data", "pdu", "cip", "enip.item"];

    public const int Header = 0;
    public const int Data = 1;
    public const int Pdu = 2;
    public const int Cip = 3;
    public const int Item = 4;
}
