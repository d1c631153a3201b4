using BenchmarkDotNet.Running;
using BridgeGuard.Benchmarks.Pipeline;

namespace BridgeGuard.Benchmarks;

internal static class Program
{
    private static int Main(string[] args)
    {
        if (args is ["pipeline", ..])
        {
            return PipelineBench.Run(args.AsSpan(1));
        }

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
