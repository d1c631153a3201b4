namespace BridgeGuard.Fuzz;

internal static class Program
{
    private static int Main() => 2;
}
