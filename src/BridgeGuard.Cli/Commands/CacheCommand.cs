using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Scanning.Admin;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard cache stats|get|put|rm|warm|export|import</c>: the shared verdict cache.</summary>
internal static class CacheCommand
{
    private const string DefaultConfiguration = "/etc/bridgeguard/bridgeguard.yaml";

    public static Command Create()
    {
        Command command = new("cache", "Look into the shared file verdict cache and change it.")
        {
            Stats(), Get(), Put(), Remove(), Warm(), Export(), Import(),
        };
        return command;
    }

    internal static Option<string> ConfigOption() => new("-c", "--config")
    {
        Description = "configuration file, which says where the state folder is", DefaultValueFactory = _ => DefaultConfiguration,
    };

    /// <summary>Runs against the daemon when one answers, else on its database; 1 line and a code when neither is possible.</summary>
    internal static async Task<int> WithScansAsync(string configuration, Func<ScanAccess, Task<int>> use, CancellationToken stop)
    {
        if (RunCommand.LoadOrReport(configuration) is not { } model)
        {
            return ExitCodes.BadConfiguration;
        }

        if (!model.Scanning.Enabled)
        {
            await Console.Error.WriteLineAsync($"bridgeguard: {configuration} has no scanning, expected 'scanning: enabled: yes'");
            return ExitCodes.BadConfiguration;
        }

        try
        {
            await using ScanAccess access = await ScanAccess.OpenAsync(model, stop);
            return await use(access);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or UnauthorizedAccessException or SocketException)
        {
            await Console.Error.WriteLineAsync($"bridgeguard: {e.Message}");
            return ExitCodes.Failure;
        }
    }

    private static Command Stats()
    {
        Option<string> file = ConfigOption();
        Command command = new("stats", "Entries, hits, scans and scans saved, as JSON.") { file };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            Console.WriteLine((await access.AskAsync(HttpMethod.Get, "/stats", null, stop)).Body!.ToJsonString(Indented));
            return ExitCodes.Ok;
        }, stop));
        return command;
    }

    private static Command Get()
    {
        Option<string> file = ConfigOption();
        Argument<string> what = new("content") { Description = "a file, or a SHA-256" };
        Argument<long?> size = new("size") { Description = "its length in bytes", DefaultValueFactory = _ => null };
        Command command = new("get", "Show what is known of a content.") { file, what, size };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            if (await KeyAsync(parsed.GetValue(what)!, parsed.GetValue(size), stop) is not { } key)
            {
                return ExitCodes.Usage;
            }

            (int status, JsonNode? body) = await access.AskAsync(HttpMethod.Get, Query("/verdict", key), null, stop);
            if (status == 404)
            {
                Console.WriteLine("unknown");
                return ExitCodes.ChecksFailed;
            }

            foreach (JsonNode? verdict in body!.AsArray())
            {
                Console.WriteLine(verdict!.ToJsonString());
            }

            return ExitCodes.Ok;
        }, stop));
        return command;
    }

    private static Command Put()
    {
        Option<string> file = ConfigOption();
        Option<bool> pin = new("--pin") { Description = "the verdict outlives signatures and scans" };
        Option<string?> signature = new("--signature") { Description = "what it is called" };
        Argument<string> what = new("content") { Description = "a file, or a SHA-256" };
        Argument<string> verdict = new("verdict") { Description = "clean or malicious" };
        Argument<long?> size = new("size") { Description = "length in bytes, with a SHA-256", DefaultValueFactory = _ => null };
        verdict.AcceptOnlyFromAmong("clean", "malicious");
        Command command = new("put", "Say what a content is.") { file, pin, signature, what, verdict, size };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            if (await KeyAsync(parsed.GetValue(what)!, parsed.GetValue(size), stop) is not { Size: not null } key)
            {
                return await NeedsSizeAsync();
            }

            string query = Query("/verdict", key) + $"&verdict={parsed.GetValue(verdict)}&pin={(parsed.GetValue(pin) ? 1 : 0)}"
                + $"&signature={Uri.EscapeDataString(parsed.GetValue(signature) ?? "")}";
            return Report(await access.AskAsync(HttpMethod.Put, query, null, stop));
        }, stop));
        return command;
    }

    private static Command Remove()
    {
        Option<string> file = ConfigOption();
        Argument<string> what = new("content") { Description = "a file, or a SHA-256" };
        Argument<long?> size = new("size") { Description = "length in bytes, with a SHA-256", DefaultValueFactory = _ => null };
        Command command = new("rm", "Forget what is known of a content.") { file, what, size };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            if (await KeyAsync(parsed.GetValue(what)!, parsed.GetValue(size), stop) is not { Size: not null } key)
            {
                return await NeedsSizeAsync();
            }

            (int status, JsonNode? body) = await access.AskAsync(HttpMethod.Delete, Query("/verdict", key), null, stop);
            return status == 404 ? ExitCodes.ChecksFailed : Report((status, body));
        }, stop));
        return command;
    }

    private static Command Warm()
    {
        Option<string> file = ConfigOption();
        Argument<string> folder = new("path") { Description = "a folder (an image, mounted), or a manifest of known-good files as 'sha256sum' writes it" };
        Command command = new("warm", "Scan a folder, or take a manifest, before guests ask for its files.") { file, folder };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            string path = Path.GetFullPath(parsed.GetValue(folder)!);
            if (!File.Exists(path))
            {
                return Report(await access.AskAsync(HttpMethod.Post, "/warm?path=" + Uri.EscapeDataString(path), null, stop), withBody: true);
            }

            string lines = await CacheManifest.ReadAsync(path, stop);
            return Report(await access.AskAsync(HttpMethod.Post, "/import", new StringContent(lines), stop), withBody: true);
        }, stop));
        return command;
    }

    private static Command Export()
    {
        Option<string> file = ConfigOption();
        Command command = new("export", "Write every stored verdict to the standard output, a JSON object a line.") { file };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            await access.CopyAsync("/export", Console.OpenStandardOutput(), stop);
            return ExitCodes.Ok;
        }, stop));
        return command;
    }

    private static Command Import()
    {
        Option<string> file = ConfigOption();
        Argument<string> from = new("file") { Description = "what 'cache export' wrote; - for the standard input" };
        Command command = new("import", "Read verdicts that another host has exported.") { file, from };
        command.SetAction((parsed, stop) => WithScansAsync(parsed.GetValue(file)!, async access =>
        {
            string path = parsed.GetValue(from)!;
            await using Stream source = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
            return Report(await access.AskAsync(HttpMethod.Post, "/import", new StreamContent(source), stop), withBody: true);
        }, stop));
        return command;
    }

    internal static readonly System.Text.Json.JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static async Task<int> NeedsSizeAsync()
    {
        await Console.Error.WriteLineAsync("bridgeguard: a SHA-256 needs the length in bytes behind it");
        return ExitCodes.Usage;
    }

    private static int Report((int Status, JsonNode? Body) answer, bool withBody = false)
    {
        if (answer.Status >= 400)
        {
            Console.Error.WriteLine($"bridgeguard: {answer.Body?["error"]?.GetValue<string>() ?? "the daemon refused"}");
            return ExitCodes.Failure;
        }

        if (withBody)
        {
            Console.WriteLine(answer.Body!.ToJsonString());
        }

        return answer.Body is JsonObject body && body["errors"] is JsonArray { Count: > 0 } ? ExitCodes.ChecksFailed : ExitCodes.Ok;
    }

    private static string Query(string path, (Sha256 Hash, long? Size) key) =>
        $"{path}?sha256={key.Hash}{(key.Size is { } size ? "&size=" + size.ToString(CultureInfo.InvariantCulture) : "")}";

    private static async Task<(Sha256 Hash, long? Size)?> KeyAsync(string what, long? size, CancellationToken stop)
    {
        if (Sha256.TryParse(what, out Sha256 hash))
        {
            return (hash, size);
        }

        if (!File.Exists(what))
        {
            await Console.Error.WriteLineAsync($"bridgeguard: '{what}' is neither a file nor a SHA-256 in 64 hexadecimal digits");
            return null;
        }

        await using FileStream content = File.OpenRead(what);
        FileKey key = await CacheAdmin.KeyOfAsync(content, stop);
        return (key.Hash, key.Size);
    }
}
