using System.CommandLine;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard scan PATH…</c>: files and folders, a line each as clamdscan writes it; 0 clean, 1 something found, 2 something could not be judged.</summary>
internal static class ScanCommand
{
    private const int Found = 1;
    private const int Unjudged = 2;

    public static Command Create()
    {
        Option<string> file = CacheCommand.ConfigOption();
        Option<bool> json = new("--json") { Description = "a JSON object a line" };
        Argument<string[]> paths = new("path") { Description = "files or folders", Arity = ArgumentArity.OneOrMore };
        Command command = new("scan", "Scan files, or answer them from the cache.") { file, json, paths };
        command.SetAction((parsed, stop) => CacheCommand.WithScansAsync(
            parsed.GetValue(file)!, access => RunAsync(access, parsed.GetValue(paths)!, parsed.GetValue(json), stop), stop));
        return command;
    }

    private static async Task<int> RunAsync(ScanAccess access, string[] paths, bool json, CancellationToken stop)
    {
        bool isFound = false;
        bool isUnjudged = false;
        foreach (string path in paths.SelectMany(Expand))
        {
            JsonNode answer;
            try
            {
                await using FileStream content = File.OpenRead(path);
                answer = (await access.AskAsync(HttpMethod.Post, "/scan", new StreamContent(content), stop)).Body!;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                answer = new JsonObject { ["verdict"] = "error", ["signature"] = e.Message };
            }

            string verdict = answer["verdict"]!.GetValue<string>();
            isFound |= verdict == "malicious";
            isUnjudged |= verdict is not ("malicious" or "clean");
            answer["path"] = path;
            string detail = answer["signature"]?.GetValue<string>() ?? "";
            Console.WriteLine(json ? answer.ToJsonString() : verdict switch
            {
                "clean" => $"{path}: OK",
                "malicious" => $"{path}: {detail} FOUND",
                _ => $"{path}: {detail} ERROR",
            });
        }

        return isFound ? Found : isUnjudged ? Unjudged : ExitCodes.Ok;
    }

    private static IEnumerable<string> Expand(string path) => !Directory.Exists(path) ? [path]
        : Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device });
}
