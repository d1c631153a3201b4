using System.Text;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>How a field of an object is encoded.</summary>
internal enum Dnp3Kind : byte
{
    Bits,
    Unsigned,

    /// <summary>Written sign-extended as an unsigned number of 64 bits, which is what consumers know.</summary>
    Signed,
    Float32,
    Float64,

    /// <summary>Text whose length is an earlier field.</summary>
    Text,

    /// <summary>Bytes whose length is an earlier field, written as base 64.</summary>
    Bytes,

    /// <summary>Text to the end of the object, whose size its prefix tells.</summary>
    RestText,
    RestBytes,

    /// <summary>Four bytes of text, ended by a zero.</summary>
    Zero4,
}

/// <summary>A field of an object: <see cref="Width"/> is bits, bytes, or the number of the field that holds the length.</summary>
internal readonly record struct Dnp3Field(byte[] Name, Dnp3Kind Kind, byte Width);

/// <summary>The objects of IEEE 1815-2012 annex A: which fields a group and variation has, in wire order, bits from the lowest.</summary>
/// <remarks>
/// The table is text, turned into arrays once: <c>b1:state</c> is a bit, <c>u16</c> <c>s32</c> <c>f32</c> are numbers (little endian), <c>text1</c> and
/// <c>base1</c> take their length from field 1, counted from 0; <c>rest</c> and <c>restbase</c> go to the end of a sized object.
/// </remarks>
internal static class Dnp3Objects
{
    private const string Common = "b1:online b1:restart b1:comm_lost b1:remote_forced b1:local_forced";
    private const string BinaryFlags = Common + " b1:chatter_filter b1:reserved b1:state";
    private const string DoubleFlags = Common + " b1:chatter_filter b2:state";
    private const string OutputFlags = Common + " b1:reserved0 b1:reserved1 b1:state";
    private const string CounterFlags = Common + " b1:rollover b1:discontinuity b1:reserved0";
    private const string CounterFlagsB = Common + " b1:rollover b1:discontinuity b1:reserved1";
    private const string CounterFlagsC = Common + " b1:rollover b1:reserved0 b1:reserved1";
    private const string AnalogFlags = Common + " b1:over_range b1:reference_err b1:reserved0";
    private const string SecurityFlags = Common + " b1:reserved0 b1:discontinuity b1:reserved1";

    private static readonly (byte Group, byte Variation, string Fields)[] Table =
    [
        (1, 1, "b1:state"),
        (1, 2, BinaryFlags),
        (2, 1, "u8:state"),
        (2, 2, BinaryFlags + " u48:timestamp"),
        (2, 3, BinaryFlags + " u16:timestamp"),
        (3, 1, "b2:state"),
        (3, 2, DoubleFlags),
        (4, 1, DoubleFlags),
        (4, 2, DoubleFlags + " u48:timestamp"),
        (4, 3, DoubleFlags + " u16:relative_time_ms"),
        (10, 1, "b1:state"),
        (10, 2, OutputFlags),
        (11, 1, OutputFlags),
        (11, 2, OutputFlags + " u48:timestamp"),
        (12, 1, "b4:op_type b1:qu b1:cr b2:tcc u8:count u32:ontime u32:offtime b7:status_code b1:reserved"),
        (12, 2, "b4:op_type b1:qu b1:cr b2:tcc u8:count u32:ontime u32:offtime b7:status_code b1:reserved"),
        (12, 3, "b1:point"),
        (13, 1, "b7:status_code b1:commanded_state"),
        (13, 2, "b7:status_code b1:commanded_state u48:timestamp"),
        (20, 1, CounterFlags + " u32:count"),
        (20, 2, CounterFlags + " u16:count"),
        (20, 3, CounterFlagsC + " u32:count"),
        (20, 4, CounterFlagsC + " u16:count"),
        (20, 5, "u32:count"),
        (20, 6, "u16:count"),
        (20, 7, "u32:count"),
        (20, 8, "u16:count"),
        (21, 1, CounterFlags + " u32:count"),
        (21, 2, CounterFlags + " u16:count"),
        (21, 3, CounterFlagsC + " u32:count"),
        (21, 4, CounterFlagsC + " u16:count"),
        (21, 5, CounterFlagsB + " u32:count u48:timestamp"),
        (21, 6, CounterFlagsB + " u16:count u48:timestamp"),
        (21, 7, CounterFlagsC + " u32:count u48:timestamp"),
        (21, 8, CounterFlagsC + " u16:count u48:timestamp"),
        (21, 9, "u32:count"),
        (21, 10, "u16:count"),
        (21, 11, "u32:count"),
        (21, 12, "u16:count"),
        (22, 1, CounterFlags + " u32:count"),
        (22, 2, CounterFlags + " u16:count"),
        (22, 3, CounterFlagsC + " u32:count"),
        (22, 4, CounterFlagsC + " u16:count"),
        (22, 5, CounterFlagsC + " u32:count u48:timestamp"),
        (22, 6, CounterFlags + " u16:count u48:timestamp"),
        (22, 7, CounterFlagsC + " u32:count u48:timestamp"),
        (22, 8, CounterFlagsC + " u16:count u48:timestamp"),
        (23, 1, CounterFlags + " u32:count"),
        (23, 2, CounterFlagsC + " u16:count"),
        (23, 3, CounterFlagsC + " u32:count"),
        (23, 4, CounterFlagsC + " u16:count"),
        (23, 5, CounterFlags + " u32:count u48:timestamp"),
        (23, 6, CounterFlags + " u16:count u48:timestamp"),
        (23, 7, CounterFlagsC + " u32:count u48:timestamp"),
        (23, 8, CounterFlagsC + " u16:count u48:timestamp"),
        (30, 1, AnalogFlags + " s32:value"),
        (30, 2, AnalogFlags + " s16:value"),
        (30, 3, "s32:value"),
        (30, 4, "s16:value"),
        (30, 5, AnalogFlags + " f32:value"),
        (30, 6, AnalogFlags + " f64:value"),
        (31, 1, AnalogFlags + " s32:value"),
        (31, 2, AnalogFlags + " s16:value"),
        (31, 3, AnalogFlags + " s32:value u48:timestamp"),
        (31, 4, AnalogFlags + " s16:value u48:timestamp"),
        (31, 5, "s32:value"),
        (31, 6, "s16:value"),
        (31, 7, AnalogFlags + " f32:value"),
        (31, 8, AnalogFlags + " f64:value"),
        (32, 1, AnalogFlags + " s32:value"),
        (32, 2, AnalogFlags + " s16:value"),
        (32, 3, AnalogFlags + " s32:value u48:timestamp"),
        (32, 4, AnalogFlags + " s16:value u48:timestamp"),
        (32, 5, AnalogFlags + " f32:value"),
        (32, 6, AnalogFlags + " f64:value"),
        (32, 7, AnalogFlags + " f32:value u48:timestamp"),
        (32, 8, AnalogFlags + " f64:value u48:timestamp"),
        (33, 1, AnalogFlags + " s32:value"),
        (33, 2, AnalogFlags + " s16:value"),
        (33, 3, AnalogFlags + " s32:value u48:timestamp"),
        (33, 4, AnalogFlags + " s16:value u48:timestamp"),
        (33, 5, AnalogFlags + " f32:value"),
        (33, 6, AnalogFlags + " f64:value"),
        (33, 7, AnalogFlags + " f32:value u48:timestamp"),
        (33, 8, AnalogFlags + " f64:value u48:timestamp"),
        (34, 1, "u16:deadband_value"),
        (34, 2, "u32:deadband_value"),
        (34, 3, "f32:deadband_value"),
        (40, 1, AnalogFlags + " s32:value"),
        (40, 2, AnalogFlags + " s16:value"),
        (40, 3, AnalogFlags + " f32:value"),
        (40, 4, AnalogFlags + " f64:value"),
        (41, 1, "s32:value u8:control_status"),
        (41, 2, "s16:value u8:control_status"),
        (41, 3, "f32:value u8:control_status"),
        (41, 4, "f64:value u8:control_status"),
        (42, 1, AnalogFlags + " s32:value"),
        (42, 2, AnalogFlags + " s16:value"),
        (42, 3, AnalogFlags + " s32:value u48:timestamp"),
        (42, 4, AnalogFlags + " s16:value u48:timestamp"),
        (42, 5, AnalogFlags + " f32:value"),
        (42, 6, AnalogFlags + " f64:value"),
        (42, 7, AnalogFlags + " f32:value u48:timestamp"),
        (42, 8, AnalogFlags + " f64:value u48:timestamp"),
        (43, 1, "b7:status_code b1:reserved0 s32:commanded_value"),
        (43, 2, "b7:status_code b1:reserved0 s16:commanded_value"),
        (43, 3, "b7:status_code b1:reserved0 s32:commanded_value u48:timestamp"),
        (43, 4, "b7:status_code b1:reserved0 s16:commanded_value u48:timestamp"),
        (43, 5, "b7:status_code b1:reserved0 f32:commanded_value"),
        (43, 6, "b7:status_code b1:reserved0 f64:commanded_value"),
        (43, 7, "b7:status_code b1:reserved0 f32:commanded_value u48:timestamp"),
        (43, 8, "b7:status_code b1:reserved0 f64:commanded_value u48:timestamp"),
        (50, 1, "u48:timestamp"),
        (50, 2, "u48:timestamp u32:interval"),
        (50, 3, "u48:timestamp"),
        (50, 4, "u48:timestamp u32:interval_count u8:interval_units"),
        (51, 1, "u48:timestamp"),
        (51, 2, "u48:timestamp"),
        (52, 1, "u16:delay_secs"),
        (52, 2, "u16:delay_ms"),
        (70, 2, "u16:username_offset u16:username_size u16:password_offset u16:password_size u32:authentication_key text1:username text3:password"),
        (70, 3, "u16:filename_offset u16:filename_size u48:created u16:permissions u32:authentication_key u32:file_size u16:operational_mode u16:maximum_block_size u16:request_id text1:filename"),
        (70, 4, "u32:file_handle u32:file_size u16:maximum_block_size u16:request_id u8:status_code rest:optional_text"),
        (70, 5, "u32:file_handle u32:block_number rest:file_data"),
        (70, 6, "u32:file_handle u32:block_number u8:status_code rest:optional_text"),
        (70, 7, "u16:filename_offset u16:filename_size u16:file_type u32:file_size u48:created_timestamp u16:permissions u16:request_id text1:filename"),
        (70, 8, "rest:file_specification"),
        (80, 1, "b1:state"),
        (81, 1, "b7:fill_percentage b1:overflow_state u8:group u8:variation"),
        (83, 1, "zero4:data->vendor_code u16:object_id u16:length base2:data->data_objects"),
        (86, 2, "b1:rd b1:wr b1:st b1:ev b1:df b1:padding0 b1:padding1 b1:padding2"),
        (102, 1, "u8:value"),
        (120, 1, "u32:csq u16:usr u8:mal u8:reason restbase:data->challenge_data"),
        (120, 2, "u32:csq u16:usr restbase:data->mac_value"),
        (120, 3, "u32:csq u16:user_number"),
        (120, 4, "u16:user_number"),
        (120, 5, "u32:ksq u16:user_number u8:key_wrap_alg u8:key_status u8:mal u16:challenge_data_len base5:data->challenge_data restbase:data->mac_value"),
        (120, 6, "u24:ksq u16:usr restbase:data->wrapped_key_data"),
        (120, 7, "u32:sequence_number u16:usr u16:association_id u8:error_code u48:time_of_error rest:error_text"),
        (120, 8, "u8:key_change_method u8:certificate_type restbase:data->certificate"),
        (120, 9, "restbase:data->mac_value"),
        (120, 10, "u8:key_change_method u8:operation u32:scs u16:user_role u16:user_role_expiry_interval u16:username_len u16:user_public_key_len u16:certification_data_len text5:username base6:data->user_public_key base7:data->certification_data"),
        (120, 11, "u8:key_change_method u16:username_len u16:master_challenge_data_len text1:username base2:data->master_challenge_data"),
        (120, 12, "u32:ksq u16:user_number u16:challenge_data_len base2:data->challenge_data"),
        (120, 13, "u32:ksq u16:user_number u16:encrypted_update_key_len base2:data->encrypted_update_key_data"),
        (120, 14, "restbase:data->digital_signature"),
        (120, 15, "restbase:data->mac"),
        (121, 1, SecurityFlags + " u16:association_id u32:count_value"),
        (122, 1, SecurityFlags + " u16:association_id u32:count_value"),
        (122, 2, SecurityFlags + " u16:association_id u32:count_value u48:timestamp"),
    ];

    private static readonly Dnp3Field[]?[] Index = Build();

    /// <summary>The fields of an object; null when it is not known.</summary>
    public static Dnp3Field[]? Get(byte group, byte variation) => Index[(group << 8) | variation];

    /// <summary>Objects whose points are packed without padding: bits of one point; 0 for all others.</summary>
    public static int PackedBits(byte group, byte variation) => (group, variation) switch
    {
        (1, 1) or (10, 1) or (12, 3) or (80, 1) => 1,
        (3, 1) => 2,
        _ => 0,
    };

    private static Dnp3Field[]?[] Build()
    {
        var index = new Dnp3Field[]?[1 << 16];
        foreach ((byte group, byte variation, string text) in Table)
        {
            index[(group << 8) | variation] = Array.ConvertAll(text.Split(' '), ParseField);
        }

        return index;
    }

    private static Dnp3Field ParseField(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string kind = text[..colon].TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
        byte number = kind.Length == colon ? (byte)0 : byte.Parse(text.AsSpan(kind.Length, colon - kind.Length), System.Globalization.CultureInfo.InvariantCulture);
        byte[] name = Encoding.ASCII.GetBytes(text[(colon + 1)..]);
        return kind switch
        {
            "b" => new Dnp3Field(name, Dnp3Kind.Bits, number),
            "u" => new Dnp3Field(name, Dnp3Kind.Unsigned, (byte)(number / 8)),
            "s" => new Dnp3Field(name, Dnp3Kind.Signed, (byte)(number / 8)),
            "f" => new Dnp3Field(name, number == 32 ? Dnp3Kind.Float32 : Dnp3Kind.Float64, (byte)(number / 8)),
            "text" => new Dnp3Field(name, Dnp3Kind.Text, number),
            "base" => new Dnp3Field(name, Dnp3Kind.Bytes, number),
            "rest" => new Dnp3Field(name, Dnp3Kind.RestText, 0),
            "restbase" => new Dnp3Field(name, Dnp3Kind.RestBytes, 0),
            _ => new Dnp3Field(name, Dnp3Kind.Zero4, 4),
        };
    }
}
