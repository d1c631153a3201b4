using BenchmarkDotNet.Running;
using BridgeGuard.Benchmarks.Pipeline;
using BridgeGuard.Benchmarks.Protocols;
using BridgeGuard.Benchmarks.Scanning;

namespace BridgeGuard.Benchmarks;

internal static class Program
{
    private static int Main(string[] args)
    {
        if (args is ["pipeline", ..])
        {
            return PipelineBench.Run(args.AsSpan(1));
        }

        if (args is ["parsers", ..])
        {
            return ParserBench.Run(args.AsSpan(1));
        }

        if (args is ["open", ..])
        {
            return OpenBench.Run(args.AsSpan(1));
        }

        if (args is ["flows", ..])
        {
            return FlowTableBench.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 1_000_000);
        }

        if (args is ["guests" or "link-guard", ..])
        {
            return GuestPolicyBench.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 400, ofLinkGuard: args[0] == "link-guard");
        }

        if (args is ["costs", ..])
        {
            return RuleCostBench.Run(args.AsSpan(1));
        }

        if (args is ["reload", ..])
        {
            return ReloadBench.Run(args.AsSpan(1));
        }

        if (args is ["cache", ..])
        {
            return CacheScaleBench.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 10_000_000);
        }

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
