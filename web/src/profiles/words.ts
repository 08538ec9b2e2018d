import type { ProfileKind } from '../api/client';

interface KindWords {
  one: string;
  many: string;
  path: string;
  idLabel: string;
}

/** The words for the two kinds of profile. */
export const KIND_WORDS: Record<ProfileKind, KindWords> = {
  user: { one: 'User', many: 'Users', path: '/users', idLabel: 'User ID' },
  company: { one: 'Company', many: 'Companies', path: '/companies', idLabel: 'Company ID' },
};

export function profilePath(kind: ProfileKind, id: string): string {
  return `${KIND_WORDS[kind].path}/${encodeURIComponent(id)}`;
}

/** What to call a profile that may have no name. */
export function profileTitle({ id, name, email }: { id: string; name?: string | null; email?: string | null }): string {
  return [name, email].find((text) => text !== null && text !== undefined && text.trim() !== '') ?? id;
}
