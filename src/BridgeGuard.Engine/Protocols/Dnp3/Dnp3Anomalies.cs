namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>The named oddities of DNP3; the value is the index into <see cref="Dnp3Anomalies.All"/>.</summary>
internal enum Dnp3Anomaly : byte
{
    Flooded,
    LengthTooSmall,
    BadLinkCrc,
    BadTransportCrc,
    Malformed,
    UnknownObject,
    TooManyPoints,
    TooManyObjects,
    TooLongReassembly,
}

/// <summary>Their names in rules.</summary>
internal static class Dnp3Anomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("flooded", "more messages than are dealt with in time"),
        new("len_too_small", "a frame too short for what it says it is"),
        new("bad_link_crc", "a wrong checksum of a link header"),
        new("bad_transport_crc", "a wrong checksum of a block of data"),
        new("malformed", "a frame that cannot be read"),
        new("unknown_object", "an object that is not known or has no data; what follows is not read"),
        new("too_many_points", "more points in a message than the limit"),
        new("too_many_objects", "more objects in a message than the limit"),
        new("too_long_reassembly", "a message of segments that exceeds the limit"),
    ];
}
