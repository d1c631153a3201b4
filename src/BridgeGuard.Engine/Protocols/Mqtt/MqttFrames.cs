namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Frames of MQTT; the value is the index into <see cref="Names"/>.</summary>
internal static class MqttFrames
{
    public static readonly string[] Names = ["pdu", "header", "data"];

    public const int Pdu = 0;
    public const int Header = 1;
    public const int Data = 2;

    /// <summary>Length of a header frame.</summary>
    public const int HeaderBytes = 2;
}
