namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Frame types (RFC 9113 §6).</summary>
internal static class Http2FrameType
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Priority = 2;
    public const byte RstStream = 3;
    public const byte Settings = 4;
    public const byte PushPromise = 5;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;
}

/// <summary>Frame flags (RFC 9113 §6).</summary>
internal static class Http2Flags
{
    public const byte EndStream = 0x1;
    public const byte EndHeaders = 0x4;
    public const byte Padded = 0x8;
    public const byte Priority = 0x20;
}

/// <summary>Names of code points, as rules and records write them.</summary>
internal static class Http2Tables
{
    /// <summary>By value, as rules name frame types.</summary>
    public static readonly string[] FrameTypes =
        ["data", "headers", "priority", "rststream", "settings", "pushpromise", "ping", "goaway", "windowupdate", "continuation"];

    /// <summary>By value (RFC 9113 §7), as rules name error codes.</summary>
    public static readonly string[] ErrorCodes =
    [
        "no_error", "protocol_error", "internal_error", "flow_control_error", "settings_timeout", "stream_closed", "frame_size_error",
        "refused_stream", "cancel", "compression_error", "connect_error", "enhance_your_calm", "inadequate_security", "http_1_1_required",
    ];

    /// <summary>By value, as records name the error of a GOAWAY.</summary>
    public static readonly string[] GoAwayErrors = Array.ConvertAll(ErrorCodes, name => name.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant());

    /// <summary>By value, as records name the error of a RST_STREAM.</summary>
    public static readonly string[] ResetErrors = Array.ConvertAll(ErrorCodes, InWords);

    /// <summary>By value less one (RFC 9113 §6.5.2), as rules name settings.</summary>
    public static readonly string[] Settings =
    [
        "SETTINGS_HEADER_TABLE_SIZE", "SETTINGS_ENABLE_PUSH", "SETTINGS_MAX_CONCURRENT_STREAMS", "SETTINGS_INITIAL_WINDOW_SIZE",
        "SETTINGS_MAX_FRAME_SIZE", "SETTINGS_MAX_HEADER_LIST_SIZE", "", "SETTINGS_ENABLE_CONNECT_PROTOCOL", "SETTINGS_NO_RFC7540_PRIORITIES",
    ];

    /// <summary>RFC 8441 §3 and RFC 9218 §2.1.1 came later; 7 was never assigned.</summary>
    public static bool IsKnownSetting(ushort id) => id is > 0 and <= 6 or 8 or 9;

    /// <summary>The same as records name them.</summary>
    public static readonly string[] SettingsInRecords = Array.ConvertAll(Settings, name => name.Replace("_", "", StringComparison.Ordinal));

    private static string InWords(string name) => string.Concat(Array.ConvertAll(name.Split('_'), word => char.ToUpperInvariant(word[0]) + word[1..]));
}
