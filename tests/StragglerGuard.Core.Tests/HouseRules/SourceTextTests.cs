namespace StragglerGuard.Core.Tests.HouseRules;

public sealed class SourceTextTests
{
    [Theory]
    [InlineData("a(); // lock\nb();", "a();        \nb();")]
    [InlineData("a /* lock\n */ b", "a        \n    b")]
    [InlineData("x = \"lock\" + y", "x =        + y")]
    [InlineData("x = \"a\\\"lock\" + y", "x =           + y")]
    [InlineData("x = @\"a\"\"lock\\\" + y", "x =             + y")]
    [InlineData("x = $\"a{f(\"lock\")}b\" + y", "x =                  + y")]
    [InlineData("x = $\"{{lock\" + y", "x =           + y")]
    [InlineData("x = \"\"\"a \"lock\" b\"\"\" + y", "x =                  + y")]
    [InlineData("x = '\"'; lock (y)", "x =    ; lock (y)")]
    [InlineData("x = \"\"; lock (y)", "x =   ; lock (y)")]
    public void CodeOnly_OfCommentsAndLiterals_LeavesTheCodeAtItsPlace(string source, string expected) =>
        SourceText.CodeOnly(source).Should().Be(expected);
}
