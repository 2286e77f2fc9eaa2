# Sourced by scripts that hand paths to Kaldi's pipes, which sh reads: bash's own @Q writes what only bash
# reads ($'\303') where the locale is C and a path is not ASCII.
quoted() {
  local word between=
  for word; do
    printf "%s'%s'" "$between" "${word//\'/\'\\\'\'}"
    between=' '
  done
}
