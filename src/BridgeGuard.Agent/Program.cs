namespace BridgeGuard.Agent;

internal static class Program
{
    private static int Main() => 2;
}
