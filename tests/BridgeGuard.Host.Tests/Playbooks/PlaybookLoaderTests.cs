using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Playbooks;

/// <summary>Playbooks as written: what is right is understood, what is wrong is refused with its place.</summary>
public sealed class PlaybookLoaderTests : IDisposable
{
    private static readonly PolicyModel Policy = new([new RoleModel { Name = "default" }, new RoleModel { Name = "desktop" }], []);

    private readonly TemporaryFolder _folder = new();
    private readonly List<ConfigDiagnostic> _diagnostics = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void APlaybookIsRead()
    {
        PlaybooksModel model = Read("""
            name: scanner
            when: {finding: port-scan, role: desktop, count: 2, seconds: 30, by: vm}
            then:
              - {quarantine: source, for: 1h}
              - {block: peer, for: 10m}
              - {rate-limit: vm, packets-per-second: 10}
              - {webhook: soc}
            cap: {targets: 2, minutes: 5}
            dry-run: yes
            """);

        Assert.Empty(_diagnostics);
        Playbook book = Assert.Single(model.Playbooks);
        Assert.Equal((310u, 30u), Assert.Single(book.When.Rules));
        Assert.Equal([ActionKind.Quarantine, ActionKind.Block, ActionKind.RateLimit, ActionKind.Webhook], book.Then.Select(a => a.Kind));
        Assert.Equal(TimeSpan.FromHours(1), book.Then[0].For);
        Assert.Equal(ActionTarget.Source, book.Then[0].Target);
        Assert.True(book.IsDryRun);
        Assert.Equal(2, book.CapTargets);
    }

    [Theory]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{quarantene: vm}]\n", 3, 8, "did you mean 'quarantine'?")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{quarantine: vm, fore: 1h}]\n", 3, 25, "unknown option 'fore', did you mean 'for'?")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{block: peer, for: soon}]\n", 3, 27, "expected a time such as 30s")]
    [InlineData("name: a\nwhen: {role: desktp, sid: 1}\nthen: [{quarantine: vm}]\n", 2, 14, "role 'desktp' does not exist, did you mean 'desktop'?")]
    [InlineData("name: a\nwhen: {finding: port-scam}\nthen: [{quarantine: vm}]\n", 2, 17, "did you mean 'port-scan'?")]
    [InlineData("name: a\nwhen: {role: desktop}\nthen: [{quarantine: vm}]\n", 2, 7, "would act on every alert")]
    [InlineData("name: a\nwhen: {event: verdict-change}\nthen: [{quarantine: vm}]\n", 2, 15, "verdict-changed")]
    [InlineData("name: a\nwhen: {event: guest-file, sid: 1}\nthen: [{quarantine: vm}]\n", 2, 32, "'sid' is of alerts")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{webhook: sock}]\n", 3, 18, "webhook 'sock' does not exist, did you mean 'soc'?")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{hook: [/bin/rm, -rf, /]}]\n", 3, 15, "'/bin/rm' is in none of 'hook-folders'")]
    [InlineData("name: a\nwhen: {playbook: b, sid: 1}\nthen: [{quarantine: vm}]\n", 2, 7, "playbook 'b' does not exist")]
    [InlineData("name: a\nwhen: {playbook: a, sid: 1}\nthen: [{quarantine: vm}]\n", 2, 7, "a loop: a after a")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{redirect: vm, to: pot}]\n", 3, 27, "target 'pot' does not exist")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: []\n", 3, 7, "does nothing")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{mark: vm}]\n", 3, 8, "a mark without a mark, expected 'value'")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{mark: vm, value: twelve}]\n", 3, 26, "expected a number such as 32 or 0x20")]
    [InlineData("name: a\nwhen: {sid: 1}\nthen: [{mark: vm, set: inet lab s, vlaue: 12}]\n", 3, 36, "unknown option 'vlaue', did you mean 'value'?")]
    public void AMistakeHasItsPlaceAndAHint(string text, int line, int column, string hint)
    {
        Read(text);

        ConfigDiagnostic diagnostic = Assert.Single(_diagnostics);
        Assert.Contains(hint, diagnostic.Message);
        Assert.Equal((line, column), (diagnostic.Line, diagnostic.Column));
    }

    [Fact]
    public void PlaybooksThatSetOneAnotherOffAreRefused()
    {
        File.WriteAllText(_folder.File("b.yaml"), "name: b\nwhen: {playbook: a}\nthen: [{quarantine: vm}]\n");

        Read("name: a\nwhen: {playbook: b}\nthen: [{quarantine: vm}]\n");

        Assert.All(_diagnostics, d => Assert.Contains("a loop", d.Message, StringComparison.Ordinal));
        Assert.Equal(2, _diagnostics.Count);
    }

    private PlaybooksModel Read(string text)
    {
        File.WriteAllText(_folder.File("a.yaml"), text);
        Directory.CreateDirectory(_folder.File("conf"));
        string configuration = Path.Combine(_folder.File("conf"), "main.yaml");
        File.WriteAllText(configuration, "playbooks:\n  files: ../*.yaml\n");
        return new PlaybookLoader(Policy, ["soc"]).Read(YamlSection.Load(configuration, _diagnostics)!, _folder.File("conf"));
    }
}
