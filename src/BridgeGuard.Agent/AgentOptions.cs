using System.Globalization;

namespace BridgeGuard.Agent;

/// <summary>What the command line says. Values are checked here, all of them.</summary>
internal sealed record AgentOptions
{
    public const string Help = """
        bridgeguard-agent --host URL [options] PATH...
          Watches what is opened and run below the mounts of PATH (root is needed) and asks the host of this guest about it.
          --host URL          http://169.254.1.1:8642, unix:/path (HTTP over a socket), or device:/dev/virtio-ports/NAME
          --key BASE64|FILE   the host's public key; answers must be signed with it. Without it nothing is kept for when the host is away
          --fallback allow|deny   what happens to a file that cannot be judged (host away, too long, error); default allow
          --state FOLDER      where signed answers are kept; default /var/lib/bridgeguard-agent
          --max-size BYTES    longest file that is hashed and submitted; longer ones follow the fallback; default 67108864
          --timeout SECONDS   longest an open waits; default 20
          --filesystem        watch whole file systems instead of mounts
        """;

    public string Host { get; private init; } = "";

    /// <summary>32 bytes, or empty.</summary>
    public byte[] Key { get; private init; } = [];

    public bool DeniesUnjudged { get; private init; }

    public string StateFolder { get; private init; } = "/var/lib/bridgeguard-agent";

    public long MaxBytes { get; private init; } = 64L << 20;

    public TimeSpan Timeout { get; private init; } = TimeSpan.FromSeconds(20);

    public bool WholeFileSystems { get; private init; }

    public IReadOnlyList<string> Paths { get; private init; } = [];

    /// <summary>Null when all is well, else what is wrong and what was expected.</summary>
    public static string? TryParse(string[] arguments, out AgentOptions options)
    {
        options = new AgentOptions();
        var paths = new List<string>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            if (!name.StartsWith("--", StringComparison.Ordinal))
            {
                paths.Add(name);
                continue;
            }

            if (name == "--filesystem")
            {
                options = options with { WholeFileSystems = true };
                continue;
            }

            if (++i == arguments.Length)
            {
                return $"{name} needs a value";
            }

            if (Apply(name, arguments[i], ref options) is { } error)
            {
                return error;
            }
        }

        options = options with { Paths = paths };
        string? missing = paths.Find(path => !Path.Exists(path));
        return options.Host.Length == 0 ? "--host is missing"
            : paths.Count == 0 ? "no path to watch is given"
            : missing is not null ? $"'{missing}' does not exist" : null;
    }

    private static string? Apply(string name, string value, ref AgentOptions options)
    {
        switch (name)
        {
            case "--host":
                options = options with { Host = value };
                bool isKnown = value.StartsWith("unix:/", StringComparison.Ordinal) || value.StartsWith("device:/", StringComparison.Ordinal)
                    || (Uri.TryCreate(value, UriKind.Absolute, out Uri? uri) && uri.Scheme == "http");
                return isKnown ? null : $"--host '{value}' is no http URL, unix:/path or device:/path";
            case "--key":
                byte[]? key = ReadKey(value);
                options = options with { Key = key ?? [] };
                return key is null ? $"--key '{value}' is no public key of 32 bytes in base64, nor a file with one" : null;
            case "--fallback":
                options = options with { DeniesUnjudged = value == "deny" };
                return value is "allow" or "deny" ? null : $"--fallback '{value}', expected allow or deny";
            case "--state":
                options = options with { StateFolder = value };
                return null;
            case "--max-size":
                bool isSize = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes);
                options = options with { MaxBytes = bytes };
                return isSize ? null : $"--max-size '{value}' is no number of bytes";
            case "--timeout":
                bool isTime = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is > 0 and <= 600;
                options = options with { Timeout = TimeSpan.FromSeconds(Math.Max(1, seconds)) };
                return isTime ? null : $"--timeout '{value}', expected 1 to 600 seconds";
            default:
                return $"'{name}' is no option";
        }
    }

    private static byte[]? ReadKey(string value)
    {
        string text = File.Exists(value) ? File.ReadAllText(value).Trim() : value;
        Span<byte> bytes = stackalloc byte[64];
        return Convert.TryFromBase64String(text, bytes, out int length) && length == 32 ? bytes[..32].ToArray() : null;
    }
}
