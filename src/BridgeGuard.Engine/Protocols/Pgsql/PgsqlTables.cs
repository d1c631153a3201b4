namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>Code points (PostgreSQL documentation §54.7, §54.8).</summary>
internal static class PgsqlTables
{
    public const uint SslRequest = 80877103;
    public const uint CancelRequest = 80877102;

    public static bool IsRequestType(byte type) => "BCDEFHPQSXcdfp"u8.IndexOf(type) >= 0;

    public static bool IsResponseType(byte type) => "123ACDEGHIKNRSTVWZcdnstv"u8.IndexOf(type) >= 0;

    /// <summary>The member an error or notice field is written as (§54.8).</summary>
    public static ReadOnlySpan<byte> ErrorField(byte code) => code switch
    {
        (byte)'S' => "severity_localizable"u8,
        (byte)'V' => "severity_non_localizable"u8,
        (byte)'C' => "code"u8,
        (byte)'M' => "message"u8,
        (byte)'D' => "detail"u8,
        (byte)'H' => "hint"u8,
        (byte)'P' => "position"u8,
        (byte)'p' => "internal_position"u8,
        (byte)'q' => "internal_query"u8,
        (byte)'W' => "where"u8,
        (byte)'s' => "schema_name"u8,
        (byte)'t' => "table_name"u8,
        (byte)'c' => "column_name"u8,
        (byte)'d' => "data_type"u8,
        (byte)'n' => "constraint_name"u8,
        (byte)'F' => "file"u8,
        (byte)'L' => "line"u8,
        (byte)'R' => "routine"u8,
        _ => "unknown_field_type"u8,
    };

    /// <summary>Parameters whose names records write in another form.</summary>
    public static ReadOnlySpan<byte> ParameterName(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("DateStyle"u8) ? "date_style"u8
        : name.SequenceEqual("IntervalStyle"u8) ? "interval_style"u8
        : name.SequenceEqual("TimeZone"u8) ? "time_zone"u8
        : name;
}
