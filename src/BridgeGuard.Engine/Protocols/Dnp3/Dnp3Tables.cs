using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Code points (IEEE 1815-2012 clauses 4, 9, 10).</summary>
internal static class Dnp3Tables
{
    public const byte Confirm = 0;
    public const byte Response = 129;
    public const byte UnsolicitedResponse = 130;

    /// <summary>Link functions that carry data: confirmed and unconfirmed user data of a primary station.</summary>
    public const byte ConfirmedUserData = 3;
    public const byte UnconfirmedUserData = 4;

    /// <summary>Transport header bits.</summary>
    public const byte First = 0x40;
    public const byte Final = 0x80;

    public static readonly IntegerName[] Functions =
    [
        new("confirm", 0), new("read", 1), new("write", 2), new("select", 3), new("operate", 4), new("direct_operate", 5),
        new("direct_operate_nr", 6), new("immed_freeze", 7), new("immed_freeze_nr", 8), new("freeze_clear", 9), new("freeze_clear_nr", 10),
        new("freeze_at_time", 11), new("freeze_at_time_nr", 12), new("cold_restart", 13), new("warm_restart", 14), new("initialize_data", 15),
        new("initialize_appl", 16), new("start_appl", 17), new("stop_appl", 18), new("save_config", 19), new("enable_unsolicited", 20),
        new("disable_unsolicited", 21), new("assign_class", 22), new("delay_measure", 23), new("record_current_time", 24), new("open_file", 25),
        new("close_file", 26), new("delete_file", 27), new("get_file_info", 28), new("authenticate_file", 29), new("abort_file", 30),
        new("activate_config", 31), new("authenticate_req", 32), new("authenticate_err", 33), new("response", 129),
        new("unsolicited_response", 130), new("authenticate_resp", 131),
    ];

    /// <summary>Internal indications: the first byte on the wire is the upper one here; in the order records list them.</summary>
    public static readonly IntegerName[] Indications =
    [
        new("device_restart", 0x8000), new("device_trouble", 0x4000), new("local_control", 0x2000), new("need_time", 0x1000),
        new("class_3_events", 0x0800), new("class_2_events", 0x0400), new("class_1_events", 0x0200), new("all_stations", 0x0100),
        new("reserved_1", 0x0080), new("reserved_2", 0x0040), new("config_corrupt", 0x0020), new("already_executing", 0x0010),
        new("event_buffer_overflow", 0x0008), new("parameter_error", 0x0004), new("object_unknown", 0x0002), new("no_func_code_support", 0x0001),
    ];

    private static readonly ushort[] CrcTable = BuildCrc();

    /// <summary>The checksum of link headers and data blocks (clause 9.2.4.1.3), low byte first on the wire.</summary>
    public static ushort Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0;
        foreach (byte value in bytes)
        {
            crc = (crc >> 8) ^ CrcTable[(byte)(crc ^ value)];
        }

        return (ushort)~crc;
    }

    private static ushort[] BuildCrc()
    {
        const int ReflectedPolynomial = 0xa6bc;
        var table = new ushort[256];
        for (int i = 0; i < table.Length; i++)
        {
            int crc = i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ ReflectedPolynomial : crc >> 1;
            }

            table[i] = (ushort)crc;
        }

        return table;
    }
}
