namespace BridgeGuard.Engine.Packets;

/// <summary>Which way bytes travel within a flow; the client is the side that opened it.</summary>
public enum Direction : byte
{
    ToServer = 0,
    ToClient = 1,
}

public static class Directions
{
    public static Direction Opposite(this Direction direction) => (Direction)((byte)direction ^ 1);
}
