using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.WebSocket;

internal enum WebSocketField
{
    Opcode,
    Flags,
    Mask,
}

/// <summary>The buffer and the numbers of a frame.</summary>
internal static class WebSocketBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new()
        {
            Name = "websocket.payload",
            LocalId = 0,
            Directions = DirectionMask.Both,
            ProgressToServer = 1,
            ProgressToClient = 1,
            Help = "a frame's payload, unmasked; with the last fragment the whole message",
        },
    ];

    public static readonly (string Name, ulong Value)[] Opcodes =
        [("continuation", 0), ("text", 1), ("binary", 2), ("close", 8), ("ping", 9), ("pong", 10)];

    public static readonly FieldDescriptor[] Fields =
    [
        Number("websocket.opcode", WebSocketField.Opcode, 8, Opcodes, isFlags: false, "a frame's opcode"),
        Number("websocket.flags", WebSocketField.Flags, 8, [("fin", 0x80), ("comp", 0x40)], isFlags: true, "a frame's FIN and reserved bits"),
        Number("websocket.mask", WebSocketField.Mask, 32, [], isFlags: false, "the key that masks a payload"),
    ];

    private static FieldDescriptor Number(
        string name, WebSocketField id, byte bits, (string Name, ulong Value)[] names, bool isFlags, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        ProgressToServer = 1,
        ProgressToClient = 1,
        Bits = bits,
        Names = names,
        IsFlags = isFlags,
        Help = help,
    };
}

/// <summary>Their values.</summary>
internal sealed partial class WebSocketTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = new BufferView(Payload.Span);
        return index == 0 && ExistsIn(direction);
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = (WebSocketField)field switch
        {
            WebSocketField.Opcode => Opcode,
            WebSocketField.Flags => Flags,
            _ => Mask,
        };
        return index == 0 && ExistsIn(direction) && ((WebSocketField)field != WebSocketField.Mask || IsMasked);
    }
}
