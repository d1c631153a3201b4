namespace BridgeGuard.Engine.Protocols;

/// <summary>Oddities of protocol detection itself, per packet (<c>app-layer-event:applayer_…</c>).</summary>
[Flags]
public enum AppLayerEvents : byte
{
    None = 0,

    /// <summary>Each direction speaks another protocol.</summary>
    MismatchProtocolBothDirections = 1 << 0,

    /// <summary>The side that should wait spoke first.</summary>
    WrongDirectionFirstData = 1 << 1,
    DetectProtocolOnlyOneDirection = 1 << 2,

    /// <summary>Not enough data was seen to detect anything.</summary>
    ProtoDetectionSkipped = 1 << 3,
    NoTlsAfterStarttls = 1 << 4,

    /// <summary>The protocol after a change is not the announced one.</summary>
    UnexpectedProtocol = 1 << 5,
}

public static class AppLayerEventNames
{
    /// <summary>Rule names, by bit number.</summary>
    public static readonly string[] All =
    [
        "applayer_mismatch_protocol_both_directions",
        "applayer_wrong_direction_first_data",
        "applayer_detect_protocol_only_one_direction",
        "applayer_proto_detection_skipped",
        "applayer_no_tls_after_starttls",
        "applayer_unexpected_protocol",
    ];
}
