using BridgeGuard.Outputs.Webhook;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>The <c>webhooks</c> of <c>bridgeguard.yaml</c>, each with its secrets read.</summary>
internal static class WebhookReader
{
    public static IEnumerable<WebhookModel> Read(YamlSection root, string folder)
    {
        var names = new HashSet<string>();
        foreach (YamlSection section in root.Sections("webhooks"))
        {
            string name = section.RequiredText("name");
            string url = section.RequiredText("url");
            if (!names.Add(name))
            {
                section.Error("name", $"webhook '{name}' is there already, expected a name of its own");
            }

            if (url.Length > 0 && !(Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"))
            {
                section.Error("url", $"'{url}' is no http or https address, expected the form https://host/path");
            }

            var secrets = new List<string>();
            foreach (string secretFile in section.Texts("secret-files"))
            {
                string path = DaemonConfigLoader.Resolve(folder, secretFile);
                if (File.Exists(path))
                {
                    secrets.AddRange(File.ReadAllLines(path).Select(l => l.Trim()).Where(l => l.Length > 0));
                }
                else
                {
                    section.Error("secret-files", $"'{secretFile}' does not exist, expected a file with a 'whsec_…' secret");
                }
            }

            if (!section.Has("secret-files"))
            {
                section.Error(null, $"webhook '{name}' has no secret, expected 'secret-files:' with at least one file");
            }
            else if (section.Texts("secret-files").All(f => File.Exists(DaemonConfigLoader.Resolve(folder, f))) && WebhookSigner.Check(secrets) is { } problem)
            {
                section.Error("secret-files", problem);
            }

            IReadOnlyList<string> events = section.Texts("events");
            int severity = section.Integer("minimum-severity", 255, 1, 255);
            bool dropped = section.Bool("dropped-only", false);
            section.RejectUnknownKeys();
            yield return new WebhookModel
            {
                Name = name,
                Url = url,
                Secrets = secrets,
                Events = events.Count > 0 ? events : ["alert"],
                MinimumSeverity = severity,
                DroppedOnly = dropped,
            };
        }
    }
}
