namespace BridgeGuard.Agent;

internal static class Program
{
    private static int Main()
    {
        Console.Error.WriteLine("bridgeguard-agent: this version has no agent yet; guests ask the host's HTTP API (scanning.guest-api)");
        return 2;
    }
}
